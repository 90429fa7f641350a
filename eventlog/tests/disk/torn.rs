//! Tails torn by a crash: whole entries are kept, the rest is cut, the log continues.

use tallylight_eventlog::EventLog;

use super::kit::{
    TOPIC, append, borders, changed, crashed, folder, open, parts, read_all, segment_path,
};

/// Opens a log of one segment of `bytes`, which must contain entries `0..whole`, and appends.
async fn holds(bytes: &[u8], whole: u64, cut: usize) {
    let dir = folder(&[(0, bytes)]);
    let log = open(dir.path());
    assert_eq!(log.recovery(TOPIC).unwrap().cut_bytes, cut as u64);
    let all = read_all(&log).await;
    assert_eq!((all.entries.len() as u64, all.next, all.lost), (whole, whole, 0));
    append(&log, whole..whole + 2).await;
    drop(log);
    let log = open(dir.path());
    let all = read_all(&log).await;
    assert_eq!((all.entries.len() as u64, all.lost), (whole + 2, 0));
    assert_eq!(log.usage(TOPIC).unwrap().quarantined_entries, 0);
}

#[tokio::test]
async fn a_file_cut_anywhere_keeps_every_whole_entry() {
    let bytes = crashed(6).await;
    let borders = borders(&bytes);
    for len in 0..=bytes.len() {
        let whole = borders.iter().filter(|border| **border <= len).count().saturating_sub(1);
        let cut = if len < borders[0] { len } else { len - borders[whole] };
        holds(&bytes[..len], whole as u64, cut).await;
    }
}

#[tokio::test]
async fn a_tail_of_zeros_is_torn() {
    let bytes = crashed(5).await;
    let borders = borders(&bytes);
    for zeros in [1, 7, 39, 40, 41, 4_096, 300_000] {
        let mut longer = bytes.clone();
        longer.resize(bytes.len() + zeros, 0);
        holds(&longer, 5, zeros).await;
    }
    // The file grew, but the blocks at its end never reached the disk.
    for from in borders[3] + 1..borders[5] {
        let mut holed = bytes.clone();
        holed[from..].fill(0);
        let whole = changed(&bytes, &holed).first().copied().unwrap_or(5);
        holds(&holed, whole as u64, bytes.len() - borders[whole]).await;
    }
}

#[tokio::test]
async fn garbage_at_the_end_is_torn() {
    let bytes = crashed(5).await;
    let borders = borders(&bytes);
    let record = bytes[borders[4]..].to_vec();
    let mut foreign = crashed(6).await;
    foreign.drain(..borders[5]);
    let text = b"GET / HTTP/1.1\r\n".repeat(20);
    let half = record[..record.len() - 1].to_vec();
    // A repeated record, a record of another file, only the magic, text, half a record.
    for garbage in [record, foreign, [0xA7, b'T', b'R', 1].repeat(30), text, half] {
        let longer = [bytes.clone(), garbage.clone()].concat();
        holds(&longer, 5, garbage.len()).await;
    }
}

#[tokio::test]
async fn cut_bytes_are_kept_for_inspection() {
    let bytes = crashed(3).await;
    let borders = borders(&bytes);
    let dir = folder(&[(0, &bytes[..bytes.len() - 1])]);
    let log = open(dir.path());
    let left = std::fs::metadata(segment_path(dir.path(), 0)).unwrap().len();
    assert_eq!(left, borders[2] as u64);
    assert_eq!(log.append(TOPIC, parts(2)).await.unwrap(), 2);
    let name = format!("quarantine/tail-{:020}-{}.bin", 0, borders[2]);
    let kept = std::fs::read(dir.path().join(TOPIC).join(name)).unwrap();
    assert_eq!(kept, bytes[borders[2]..bytes.len() - 1]);
}
