use super::*;

#[test]
fn defaults_are_valid() {
    assert_eq!(Settings::default().validate(), Ok(()));
}

#[test]
fn all_mistakes_come_together() {
    let settings = Settings {
        write_keys: BTreeMap::new(),
        listen: ([0, 0, 0, 0], 7701).into(),
        partitions: 0,
        flush_ms: 0,
        queue_bytes: 1,
        ..Settings::default()
    };
    let mistakes = settings.validate().unwrap_err();
    assert_eq!(mistakes.len(), 5, "{mistakes:?}");
}

#[test]
fn times_that_contradict_each_other_are_refused() {
    let of = |flush_ms, receive_ms, request_ms| {
        let settings = Settings { flush_ms, receive_ms, request_ms, ..Settings::default() };
        settings.validate().err().unwrap_or_default().join("; ")
    };
    assert_eq!(of(100, 5_000, 5_000), "");
    assert!(of(5_000, 100, 5_000).starts_with("request_ms: must be above flush_ms"));
    assert!(of(100, 5_001, 5_000).starts_with("request_ms: may not be below receive_ms"));
}

#[test]
fn a_full_body_has_room_within_a_tenants_share_of_the_memory() {
    let of = |receiving_bytes| {
        let settings = Settings { receiving_bytes, body_bytes: 1 << 20, ..Settings::default() };
        settings.validate().err().unwrap_or_default().join("; ")
    };
    assert_eq!(of(4 << 20), "");
    assert!(of((4 << 20) - 1).starts_with("receiving_bytes: may not be below four times"));
}

#[test]
fn a_service_key_can_be_sent_and_is_no_write_key() {
    let of = |key: &str| {
        let mut settings = Settings { service_key: Some(key.to_owned()), ..Settings::default() };
        settings.write_keys.insert("a-write-key-as-well".to_owned(), "demo".to_owned());
        settings.validate().err().unwrap_or_default().join("; ")
    };
    assert_eq!(of("a-key-nobody-guesses"), "");
    for bad in ["too-short", " a-key-nobody-guesses", "a-key-nobody-guesses ", "a-key-für-uns-alle"]
    {
        assert!(of(bad).starts_with("service_key: 16 to 256 characters"), "{bad}");
    }
    assert_eq!(
        of("a-write-key-as-well"),
        "service_key: it is one of the write_keys, which are public"
    );
}

#[test]
fn unknown_keys_are_refused() {
    assert!(serde_json::from_str::<Settings>(r#"{"flush_mss": 1}"#).is_err());
    assert!(serde_json::from_str::<Settings>(r#"{"flush_ms": 1}"#).is_ok());
}
