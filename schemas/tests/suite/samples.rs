//! Samples of every stored type, with every field set and with every optional field unset.

use arrow::array::RecordBatch;
use tallylight_schemas::cmcd::{Key, Kind, Mode, json};
use tallylight_schemas::delivery::{Action, DeliveryEvent, Service};
use tallylight_schemas::fates::{Fate, FateCount, Reason};
use tallylight_schemas::ipc::TenantDelivery;
use tallylight_schemas::player::{About, Envelope, PlayerBatchBuilder};
use tallylight_schemas::rows::{
    Cell, Cuboid, DeliveryRow, FatesRow, Measures, PlaybackRow, ProgressRow,
};
use tallylight_schemas::session::{Outcome, SessionRow};
use tallylight_schemas::sketch::Sketch;

/// Two player events, of which the first has a value for every key.
pub(crate) fn player_batch() -> RecordBatch {
    let mut all = serde_json::Map::new();
    for key in Key::ALL {
        let value = match (key, key.kind()) {
            (Key::V, _) => 2.into(),
            (Key::Ts, _) => 1_732_412_345_678_i64.into(),
            (_, Kind::Int) => 5_230.into(),
            (_, Kind::Dec) => 1.5.into(),
            (_, Kind::Bool) => true.into(),
            (_, Kind::Token) => "p".into(),
            (_, Kind::Str) => key.name().into(),
            (_, Kind::Ints) => serde_json::json!([96, {"v": 600, "ot": "v"}]),
            (_, Kind::Strs) => serde_json::json!(["first", "second"]),
        };
        all.insert(key.name().into(), value);
    }
    all.insert("com.tallylight-country".into(), "DE".into());
    all.insert("com.example-list".into(), serde_json::json!([1]));
    let few = serde_json::json!({"sid": "b", "e": "t", "ts": 1_732_412_345_679_i64, "com.tallylight-ltc": 900.4});
    let mut builder = PlayerBatchBuilder::new();
    for (mode, event) in [(Mode::Request, all.into()), (Mode::Event, few)] {
        let source = if mode == Mode::Event { "events" } else { mode.source() };
        let envelope = Envelope {
            tenant: "demo",
            mode,
            source,
            received_at: 1_732_412_345_700_000,
            about: About::default(),
        };
        builder.push(&envelope, &json::parse(&event.to_string(), Mode::Event).unwrap());
    }
    builder.finish().unwrap()
}

pub(crate) fn sketch() -> Sketch {
    let mut sketch = Sketch::default();
    [0, 1, 250, 12_000].into_iter().for_each(|value| sketch.add(value, 2));
    sketch
}

pub(crate) fn deliveries() -> Vec<TenantDelivery> {
    let full = DeliveryEvent {
        source: "edge-e1".into(),
        boot: u64::MAX,
        seq: 7,
        ts: 1_732_412_345_678_901,
        service: Service::Edge,
        action: Action::Get,
        stream: "demo".into(),
        track: "v-360".into(),
        k: Some(866_206_172),
        status: 200,
        bytes: 150_000,
        ttfb_us: 900,
        held_us: 400,
        hit: Some(false),
        edge: Some("e1".into()),
        pipeline: Some("A".into()),
        sid: Some("s".into()),
        cid: Some("demo".into()),
        reserved_kbps: Some(12_000),
        capacity_kbps: Some(140_000),
        sessions: Some(21),
        late_us: Some(-700_000),
        defect: Some("frozen".into()),
    };
    let bare = DeliveryEvent {
        service: Service::Origin,
        action: Action::Choice,
        k: None,
        hit: None,
        edge: None,
        pipeline: None,
        sid: None,
        cid: None,
        reserved_kbps: None,
        capacity_kbps: None,
        sessions: None,
        late_us: None,
        defect: None,
        ..full.clone()
    };
    [full, bare].map(|event| TenantDelivery { tenant: "demo".into(), received_at: 5, event }).into()
}

pub(crate) fn door_fates() -> Vec<FateCount> {
    let of = |fate, reason| FateCount {
        tenant: "demo".into(),
        source: "cmcd".into(),
        fate,
        reason,
        events: 3,
    };
    vec![of(Fate::Accepted, Reason::None), of(Fate::Rejected, Reason::NoSid)]
}

pub(crate) fn playback() -> Vec<PlaybackRow> {
    let full = PlaybackRow {
        tenant: "demo".into(),
        partition: 3,
        pane: 1_732_412_345_000_000,
        width_s: 1,
        cuboid: Cuboid::Delivery,
        cell: Cell {
            content: Some("demo".into()),
            edge: Some("e1".into()),
            pipeline: Some("A".into()),
            rendition: Some("600 kbps".into()),
            country: Some("DE".into()),
            device: Some("tv".into()),
            player: Some("hls.js 1.6".into()),
            os: Some("Tizen".into()),
            asn: Some(64_500),
        },
        measures: Measures {
            viewers: 200,
            playing_ms: 199_000,
            ends: -1,
            adaptation_failures: 4,
            derived_viewers: 17,
            ..Measures::default()
        },
        startup_sketch: sketch(),
        latency_sketch: Sketch::default(),
        r#final: true,
        version: 9,
        metrics_version: 3,
    };
    let empty = PlaybackRow { cell: Cell::default(), r#final: false, ..full.clone() };
    vec![full, empty]
}

pub(crate) fn delivery_rows() -> Vec<DeliveryRow> {
    vec![DeliveryRow {
        tenant: "demo".into(),
        partition: 0,
        pane: 1_732_412_345_000_000,
        width_s: 1,
        service: "edge".into(),
        edge: Some("e1".into()),
        pipeline: None,
        stream: "demo".into(),
        track: "v-360".into(),
        k: Some(866_206_172),
        action: "get".into(),
        requests: 5,
        bytes: 9,
        errors: 1,
        ok: 3,
        redirects: 1,
        server_errors: 1,
        hits: 4,
        held_ms: 20,
        ttfb_sketch: sketch(),
        held_sketch: sketch(),
        r#final: false,
        version: 2,
    }]
}

pub(crate) fn fates_rows() -> Vec<FatesRow> {
    vec![FatesRow {
        pane: 1_732_412_345_000_000,
        partition: 1,
        tenant: "demo".into(),
        source: "events".into(),
        fate: Fate::Late,
        reason: Reason::None,
        events: 12,
        version: 4,
        door: Some(7),
    }]
}

pub(crate) fn progress() -> Vec<ProgressRow> {
    vec![ProgressRow {
        partition: 1,
        partitions: 4,
        offset: 77,
        log_time: 1_732_412_345_000_000,
        final_up_to: 1_732_412_225_000_000,
        sessions: 200,
        lost_events: 1,
        lost_entries: 0,
    }]
}

pub(crate) fn sessions() -> Vec<SessionRow> {
    let full = SessionRow {
        tenant: "demo".into(),
        sid: "s".into(),
        epoch: 1,
        cid: Some("demo".into()),
        country: Some("DE".into()),
        os: Some("Android 14".into()),
        asn: Some(64_500),
        pipeline: Some("A".into()),
        started_at: Some(1),
        ended_at: Some(3),
        outcome: Outcome::StartFailed,
        waited_ms: Some(2),
        msd_ms: Some(5),
        starting_ms: 12,
        playing_ms: 6,
        rebuffering_ms: 7,
        rebuffer_count: 8,
        rebuffers: vec![(1, 2), (3, 4)],
        seeking_ms: 9,
        seek_count: 10,
        background_ms: 11,
        background_rebuffering_ms: 3,
        bitrate_ms: 13,
        bitrate_kbps_ms: 14,
        switches: 1,
        live_latency_ms: Some(5_230),
        error_code: Some("x".into()),
        state: Some("f".into()),
        events: 1,
        lost_events: 2,
        late_events: 3,
        last_seen: 4,
        derived: true,
        switches_up: 1,
        switches_down: 15,
        least_latency_ms: Some(16),
        greatest_latency_ms: Some(17),
        dropped_frames: Some(18),
        repaired_rebuffers: 19,
        repaired_rebuffering_ms: -20,
        ..SessionRow::default()
    };
    vec![SessionRow { rebuffers: vec![], ..full.clone() }, full]
}
