//! Reads a batch row by row. Any batch is accepted: columns that an older writer did not have are
//! unknown, and columns that a newer writer added are ignored.

use std::borrow::Cow;

use arrow::array::{
    Array, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, UInt64Array,
};

use super::event::PlayerEvent;
use super::lookup::{Pairs, bool, column, int, items, pairs, present, text, texts};
use crate::cmcd::{Key, Mode};
use crate::ipc::IpcError;

/// Player events of a batch, by row.
#[derive(Debug, Clone)]
pub struct PlayerRows {
    rows: usize,
    tenant: Option<StringArray>,
    mode: Option<StringArray>,
    source: Option<StringArray>,
    received_at: Option<Int64Array>,
    digest: Option<UInt64Array>,
    v: Option<Int64Array>,
    sid: Option<StringArray>,
    cid: Option<StringArray>,
    e: Option<StringArray>,
    sta: Option<StringArray>,
    ts: Option<Int64Array>,
    sn: Option<Int64Array>,
    ot: Option<StringArray>,
    br: Option<Pairs<Int64Array>>,
    pb: Option<Pairs<Int64Array>>,
    mtp: Option<Pairs<Int64Array>>,
    lb: Option<Pairs<Int64Array>>,
    ltc: Option<Int64Array>,
    msd: Option<Int64Array>,
    bsa: Option<Pairs<Int64Array>>,
    bsda: Option<Pairs<Int64Array>>,
    dfa: Option<Int64Array>,
    su: Option<BooleanArray>,
    bs: Option<BooleanArray>,
    pr: Option<Float64Array>,
    bg: Option<BooleanArray>,
    ec: Option<(ListArray, StringArray)>,
    custom: Option<Pairs<StringArray>>,
    country: Option<StringArray>,
    device: Option<StringArray>,
    os: Option<StringArray>,
    player: Option<StringArray>,
    asn: Option<Int64Array>,
}

impl PlayerRows {
    /// Finds the columns of a batch; an error if one has a type that no version wrote.
    pub fn new(batch: &RecordBatch) -> Result<Self, IpcError> {
        Ok(Self {
            rows: batch.num_rows(),
            tenant: column(batch, "tenant")?,
            mode: column(batch, "mode")?,
            source: column(batch, "source")?,
            received_at: column(batch, "received_at")?,
            digest: column(batch, "digest")?,
            v: column(batch, Key::V.name())?,
            sid: column(batch, Key::Sid.name())?,
            cid: column(batch, Key::Cid.name())?,
            e: column(batch, Key::E.name())?,
            sta: column(batch, Key::Sta.name())?,
            ts: column(batch, Key::Ts.name())?,
            sn: column(batch, Key::Sn.name())?,
            ot: column(batch, Key::Ot.name())?,
            br: pairs(batch, Key::Br.name(), "v", "ot")?,
            pb: pairs(batch, Key::Pb.name(), "v", "ot")?,
            mtp: pairs(batch, Key::Mtp.name(), "v", "ot")?,
            lb: pairs(batch, Key::Lb.name(), "v", "ot")?,
            ltc: column(batch, Key::Ltc.name())?,
            msd: column(batch, Key::Msd.name())?,
            bsa: pairs(batch, Key::Bsa.name(), "v", "ot")?,
            bsda: pairs(batch, Key::Bsda.name(), "v", "ot")?,
            dfa: column(batch, Key::Dfa.name())?,
            su: column(batch, Key::Su.name())?,
            bs: column(batch, Key::Bs.name())?,
            pr: column(batch, Key::Pr.name())?,
            bg: column(batch, Key::Bg.name())?,
            ec: texts(batch, Key::Ec.name())?,
            custom: pairs(batch, "custom", "v", "k")?,
            country: column(batch, "country")?,
            device: column(batch, "device")?,
            os: column(batch, "os")?,
            player: column(batch, "player")?,
            asn: column(batch, "asn")?,
        })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Row `i`; past the end, an event with nothing known.
    pub fn get(&self, i: usize) -> PlayerEvent<'_> {
        let [country, device, ltc] = self.custom_of(i);
        let mode = match text(&self.mode, i) {
            Some("request") => Mode::Request,
            _ => Mode::Event,
        };
        PlayerEvent {
            tenant: text(&self.tenant, i).unwrap_or_default(),
            mode,
            source: text(&self.source, i).unwrap_or(mode.source()),
            received_at: int(&self.received_at, i).unwrap_or_default(),
            v: int(&self.v, i).and_then(|v| u8::try_from(v).ok()).unwrap_or(1),
            sid: text(&self.sid, i).unwrap_or_default(),
            cid: text(&self.cid, i),
            e: text(&self.e, i),
            sta: text(&self.sta, i),
            ts: int(&self.ts, i),
            sn: int(&self.sn, i).and_then(|sn| u64::try_from(sn).ok()),
            br_kbps: self.of_video(&self.br, i),
            pb_kbps: self.of_video(&self.pb, i),
            mtp_kbps: self.of_video(&self.mtp, i),
            lb_kbps: self.lowest(i),
            ltc_ms: int(&self.ltc, i).or_else(|| ltc.and_then(milliseconds)),
            msd_ms: int(&self.msd, i),
            bsa: self.of_video(&self.bsa, i),
            bsda_ms: self.of_video(&self.bsda, i),
            dfa: int(&self.dfa, i),
            ot: text(&self.ot, i),
            su: bool(&self.su, i),
            bs: bool(&self.bs, i),
            pr: present(&self.pr, i).map(|column| column.value(i)),
            bg: bool(&self.bg, i),
            ec: self.error_code(i).map(Cow::Borrowed),
            country: country.or_else(|| text(&self.country, i)),
            device: device.or_else(|| text(&self.device, i)),
            os: text(&self.os, i),
            player: text(&self.player, i),
            asn: int(&self.asn, i).and_then(|asn| u32::try_from(asn).ok()),
            digest: present(&self.digest, i).map(|column| column.value(i)).unwrap_or_default(),
        }
    }

    /// The first value for video, else the first value. Items without an object type have the
    /// record's.
    fn of_video(&self, of: &Option<Pairs<Int64Array>>, i: usize) -> Option<i64> {
        let list = of.as_ref()?;
        let record = text(&self.ot, i);
        let range = items(&list.lists, i);
        let video = |at: &usize| matches!(text(&list.names, *at).or(record), Some("v" | "av"));
        valid(list, range.clone().find(video).or_else(|| range.clone().next())?)
    }

    /// The first value for video or without a type; the player cannot switch to an audio rung.
    fn lowest(&self, i: usize) -> Option<i64> {
        let list = self.lb.as_ref()?;
        let record = text(&self.ot, i);
        let fits =
            |at: &usize| matches!(text(&list.names, *at).or(record), Some("v" | "av") | None);
        valid(list, items(&list.lists, i).find(fits)?)
    }

    fn error_code(&self, i: usize) -> Option<&str> {
        let (lists, values) = self.ec.as_ref()?;
        let at = items(lists, i).next()?;
        (at < values.len() && values.is_valid(at)).then(|| values.value(at))
    }

    /// Country, device and latency from the custom keys; an empty one states nothing.
    fn custom_of(&self, i: usize) -> [Option<&str>; 3] {
        let mut found = [None; 3];
        let Some(custom) = &self.custom else { return found };
        for at in items(&custom.lists, i) {
            let slot = match text(&custom.names, at) {
                Some("com.tallylight-country") => 0,
                Some("com.tallylight-device") => 1,
                Some("com.tallylight-ltc") => 2,
                _ => continue,
            };
            let valid = at < custom.values.len() && custom.values.is_valid(at);
            found[slot] = valid.then(|| custom.values.value(at)).filter(|value| !value.is_empty());
        }
        found
    }
}

fn valid(list: &Pairs<Int64Array>, at: usize) -> Option<i64> {
    (at < list.values.len() && list.values.is_valid(at)).then(|| list.values.value(at))
}

/// A latency sent as the text of a custom key, within the bounds of key `ltc`.
fn milliseconds(text: &str) -> Option<i64> {
    let value = text.parse::<f64>().ok().filter(|value| value.abs() <= 1e10)?;
    Some(value.round() as i64)
}
