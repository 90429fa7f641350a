//! The table of CMCD keys, which drives the rest of this module.

/// The type of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Int,
    /// A decimal.
    Dec,
    /// A boolean; the bare key is true.
    Bool,
    /// A token, such as `sta=p`.
    Token,
    /// A quoted string.
    Str,
    /// An inner list of whole numbers, each with an optional object type.
    Ints,
    /// An inner list of strings.
    Strs,
}

/// What a key's value counts, which bounds how large it can plausibly be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Kilobits per second.
    Kbps,
    /// A span of time, ms.
    Ms,
    /// A span of time that clock error can push below zero, ms.
    SignedMs,
    /// A media time or a Unix time, ms.
    Time,
    /// A count, a code or a version.
    Count,
    /// A string or token of at most so many characters.
    Chars(usize),
    /// Anything else.
    Plain,
}

macro_rules! keys {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal $kind:ident $unit:expr;)*) => {
        /// A CMCD key: every one of version 2, and `nrr`, which only version 1 has.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Key { $($(#[doc = $doc])* $variant,)* }

        impl Key {
            /// Every key, in alphabetical order.
            pub const ALL: &'static [Key] = &[$(Key::$variant),*];

            /// The key as it is written.
            pub const fn name(self) -> &'static str {
                match self { $(Key::$variant => $name,)* }
            }

            /// The type of its value.
            pub const fn kind(self) -> Kind {
                match self { $(Key::$variant => Kind::$kind,)* }
            }

            /// What it means, one line.
            pub fn about(self) -> &'static str {
                match self { $(Key::$variant => concat!($($doc),*).trim_ascii(),)* }
            }

            /// What its value counts.
            pub const fn unit(self) -> Unit {
                match self { $(Key::$variant => $unit,)* }
            }
        }
    };
}

impl Key {
    /// The key written as `name`. Keys are case-sensitive.
    #[inline]
    pub fn from_name(name: &str) -> Option<Key> {
        let packed = packed(name.as_bytes());
        let at = usize::from(PLACES[place(packed, MULTIPLIER)]);
        (PACKED.get(at) == Some(&packed)).then(|| Key::ALL[at])
    }
}

/// The longest name of a key, bytes.
const LONGEST: usize = 5;
/// Bits of a key's place in a table: one multiplication finds it, without a search.
const BITS: u32 = 9;
const NO_KEY: u8 = u8::MAX;
const PACKED: [u64; Key::ALL.len()] = {
    let mut all = [0; Key::ALL.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = packed(Key::ALL[at].name().as_bytes());
        assert!(all[at] != 0, "no name is longer than LONGEST");
        at += 1;
    }
    all
};
/// A multiplier that gives each key a place of its own.
const MULTIPLIER: u64 = {
    let mut multiplier = 0x9e37_79b9_7f4a_7c15_u64;
    while places(multiplier).is_none() {
        multiplier = multiplier.wrapping_mul(0x5851_f42d_4c95_7f2d) | 1;
    }
    multiplier
};
const PLACES: [u8; 1 << BITS] = match places(MULTIPLIER) {
    Some(places) => places,
    None => [NO_KEY; 1 << BITS],
};

/// A name with its length as a number; 0 for one that is too long.
const fn packed(name: &[u8]) -> u64 {
    if name.len() > LONGEST {
        return 0;
    }
    let (mut packed, mut at) = (name.len() as u64, 0);
    while at < name.len() {
        packed = packed << 8 | name[at] as u64;
        at += 1;
    }
    packed
}

const fn place(packed: u64, multiplier: u64) -> usize {
    (packed.wrapping_mul(multiplier) >> (u64::BITS - BITS)) as usize
}

/// Which key is in each place; `None` when two would share one.
const fn places(multiplier: u64) -> Option<[u8; 1 << BITS]> {
    let (mut all, mut at) = ([NO_KEY; 1 << BITS], 0);
    while at < PACKED.len() {
        let place = place(PACKED[at], multiplier);
        if all[place] != NO_KEY {
            return None;
        }
        all[place] = at as u8;
        at += 1;
    }
    Some(all)
}

use Unit::{Chars, Count, Kbps, Ms, Plain, SignedMs, Time};

/// Strings that the standard does not limit. The limit of the whole record is not far above.
const LONG: Unit = Chars(4_096);
/// Tokens are words of a few letters; the limit keeps a hostile one out of maps.
const WORD: Unit = Chars(32);

keys! {
    /// Aggregate bitrate of the playable combination.
    Ab "ab" Ints Kbps;
    /// All players of the session are hidden.
    Bg "bg" Bool Plain;
    /// Buffer length.
    Bl "bl" Ints Ms;
    /// Encoded bitrate: requested in request mode, selected in event mode.
    Br "br" Ints Kbps;
    /// The buffer ran empty since the previous report.
    Bs "bs" Bool Plain;
    /// Buffer starvations since the session began.
    Bsa "bsa" Ints Count;
    /// Durations of finished buffer starvations.
    Bsd "bsd" Ints Ms;
    /// Total duration of buffer starvations since the session began.
    Bsda "bsda" Ints Ms;
    /// Name of a custom event.
    Cen "cen" Str Chars(64);
    /// Content id.
    Cid "cid" Str Chars(128);
    /// Copy of the CMSD-Dynamic response header.
    Cmsdd "cmsdd" Str LONG;
    /// Copy of the CMSD-Static response header.
    Cmsds "cmsds" Str LONG;
    /// Content signature.
    Cs "cs" Str LONG;
    /// Playback duration of the object.
    D "d" Int Ms;
    /// Frames dropped since the session began.
    Dfa "dfa" Int Count;
    /// Deadline to avoid running dry.
    Dl "dl" Int SignedMs;
    /// The event this record reports.
    E "e" Token WORD;
    /// Player error codes.
    Ec "ec" Strs Chars(64);
    /// Host that serves the media.
    H "h" Str Chars(128);
    /// Lowest aggregate bitrate.
    Lab "lab" Ints Kbps;
    /// Lowest bitrate.
    Lb "lb" Ints Kbps;
    /// Live latency.
    Ltc "ltc" Int SignedMs;
    /// Media start delay.
    Msd "msd" Int Ms;
    /// Measured throughput.
    Mtp "mtp" Ints Kbps;
    /// Next objects that will be requested.
    Nor "nor" Strs LONG;
    /// Retrieved but not rendered.
    Nr "nr" Bool Plain;
    /// Next range that will be requested (version 1 only).
    Nrr "nrr" Str Chars(64);
    /// Object type.
    Ot "ot" Token WORD;
    /// Bitrate being shown.
    Pb "pb" Ints Kbps;
    /// Playback rate; 0 is not playing.
    Pr "pr" Dec Plain;
    /// Playhead time.
    Pt "pt" Int Time;
    /// HTTP status of the response; 0 is none.
    Rc "rc" Int Count;
    /// Requested maximum throughput.
    Rtp "rtp" Int Kbps;
    /// Streaming format.
    Sf "sf" Token WORD;
    /// Session id.
    Sid "sid" Str Chars(64);
    /// Copy of the request-tracing header.
    Smrt "smrt" Str LONG;
    /// Sequence number of the report.
    Sn "sn" Int Count;
    /// Stream type.
    St "st" Token WORD;
    /// Player state.
    Sta "sta" Token WORD;
    /// Start-up: needed urgently.
    Su "su" Bool Plain;
    /// Top aggregate bitrate.
    Tab "tab" Ints Kbps;
    /// Top bitrate.
    Tb "tb" Ints Kbps;
    /// Target buffer length.
    Tbl "tbl" Ints Ms;
    /// Top playable bitrate.
    Tpb "tpb" Ints Kbps;
    /// When the event happened, Unix ms by the player's clock.
    Ts "ts" Int Time;
    /// Time to the first response byte.
    Ttfb "ttfb" Int Ms;
    /// Time to the first body byte.
    Ttfbb "ttfbb" Int Ms;
    /// Time to the last byte.
    Ttlb "ttlb" Int Ms;
    /// URL that was requested.
    Url "url" Str LONG;
    /// CMCD version; 1 when absent.
    V "v" Int Count;
}
