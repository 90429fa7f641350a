//! Valid bodies, and mutations of them.

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::json;

use super::world::NOW;

/// Event-mode records with every form of value.
pub fn cmcd() -> Vec<String> {
    let ts = NOW / 1_000;
    let rest = format!("ts={ts},v=2");
    [
        format!(
            "bl=(1200;v 900;a),br=(3000;v 128;a),cid=\"demo\",e=ps,sid=\"s1\",sn=1,sta=p,{rest}"
        ),
        format!("bg,e=b,ltc=3456.789,sid=\"s \\\"2\\\" é\",sn=2,sta=r,{rest}"),
        format!("com.tallylight-country=\"NO\",e=t,nr,pr=1.25,sid=\"s3\",sn=3,sta=p,{rest}"),
        format!("e=e,ec=(\"manifestLoadError\"),sid=\"s4\",sn=4,sta=f,{rest}"),
        format!("cmsdd=\"ImEiO3J0dD04\",cmsds=\"b3Q9dg==\",e=rr,rc=200,sid=\"s6\",sn=6,{rest}"),
        format!("e=rr,nor=(\"a%2Fb.m4s\" \"c.m4s\"),rc=200,sid=\"s5\",sn=5,ttfb=12,{rest}"),
    ]
    .to_vec()
}

/// Player and delivery events.
pub fn events() -> Vec<String> {
    let player = json!({"type": "player", "sid": "j1", "e": "ps", "sta": "p", "ts": NOW / 1_000,
        "br": [{"v": 3_000, "ot": "v"}, 128], "com.tallylight-device": "tv", "note": {"a": [1]}});
    let delivery = json!({"type": "delivery", "source": "edge-e1", "boot": 7, "seq": 1, "ts": NOW,
        "service": "edge", "action": "get", "stream": "demo", "track": "v-360", "k": 1,
        "status": 200, "bytes": 10, "hit": true, "sid": "j1"});
    vec![player.to_string(), delivery.to_string()]
}

/// A record that must survive, whatever surrounds it.
pub fn marker(n: usize) -> String {
    format!("e=ps,sid=\"marker-{n}\",sn=1,sta=p,ts={},v=2", NOW / 1_000)
}

/// Byte sequences that often break parsers.
const TRIPS: [&[u8]; 18] = [
    b"\"",
    b"\\",
    b"(",
    b")",
    b"((((((((",
    b"[[[[[[[[",
    b"{",
    b"}",
    b",",
    b"=",
    b";",
    b"\n",
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"-99999999999999999999",
    b"1e999",
    b"%zz%",
];

/// Damages a body in one to eight places.
pub fn mutate(body: &mut Vec<u8>, rng: &mut StdRng) {
    for _ in 0..rng.random_range(1..=8) {
        let at = rng.random_range(0..=body.len());
        let until = (at + rng.random_range(0..24)).min(body.len());
        match rng.random_range(0..6) {
            0 if at < body.len() => body[at] ^= 1 << rng.random_range(0..8),
            1 if at < body.len() => body[at] = rng.random(),
            2 => drop(body.drain(at..until)),
            3 => {
                let again = body[at..until].to_vec();
                body.splice(at..at, again.repeat(rng.random_range(1..20)));
            }
            4 => body.truncate(at),
            _ => {
                let trip = TRIPS[rng.random_range(0..TRIPS.len())];
                body.splice(at..at, trip.iter().copied());
            }
        }
    }
}
