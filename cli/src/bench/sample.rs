//! Beacons to measure with: event mode, as hls.js writes them, from a thousand sessions.

/// Sessions in a sample.
const SESSIONS: usize = 1_000;

/// `count` records, one a line, in the order in which they would arrive.
pub(crate) fn lines(count: usize) -> Vec<String> {
    (0..count).map(|n| line(n % SESSIONS, n / SESSIONS)).collect()
}

fn line(session: usize, sn: usize) -> String {
    let ts = 1_795_000_000_000_u64 + (sn as u64) * 10_000 + (session as u64);
    let (event, state) = match sn {
        0 => ("ps", "s"),
        1 => ("ps", "p"),
        n if n % 40 == 20 => ("ps", "r"),
        n if n % 40 == 21 => ("ps", "p"),
        _ => ("t", "p"),
    };
    format!(
        "bl=(4200;v),br=({};v),cid=\"demo\",com.tallylight-country=\"DE\",\
         com.tallylight-device=\"tv\",e={event},ltc=6400,mtp=(18200;v),\
         sf=h,sid=\"6b1f0d3e-5a0c-4c0e-9e57-{session:012x}\",sn={sn},st=l,sta={state},ts={ts},v=2",
        [500, 300, 150][session % 3],
    )
}
