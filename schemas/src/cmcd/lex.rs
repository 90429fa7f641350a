//! Lexer of a structured-field dictionary (RFC 8941), with the tolerance that CMCD asks for.

use std::borrow::Cow;

/// A scalar as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bare<'a> {
    Int(i64),
    Dec(f64),
    Bool(bool),
    Text(Cow<'a, str>),
    Token(Cow<'a, str>),
    /// A string with characters or escapes that are not allowed in strings.
    Unfit,
}

/// The object types: values of `ot`, and parameters of items of an inner list.
pub(super) const OBJECT_TYPES: [&str; 9] = ["v", "a", "av", "m", "i", "c", "tt", "k", "o"];

/// The object type that `name` is.
pub(super) fn object_type(name: &str) -> Option<&'static str> {
    OBJECT_TYPES.into_iter().find(|ot| *ot == name)
}

/// Whether all of `text` is a token.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && token_bytes(text.as_bytes()) == text.len()
}

/// How many bytes at the start of `text` are a token.
#[inline]
pub(super) fn token_bytes(text: &[u8]) -> usize {
    match text.first() {
        Some(b) if b.is_ascii_alphabetic() || *b == b'*' => {
            text.iter().position(|b| !OF_TOKENS[usize::from(*b)]).unwrap_or(text.len())
        }
        _ => 0,
    }
}

/// The bytes of tokens and of keys, as tables, since most of a record consists of these.
const OF_TOKENS: [bool; 256] = letters_digits_and(b"!#$%&'*+-.^_`|~:/");
const OF_KEYS: [bool; 256] = letters_digits_and(b"_-.*");

const fn letters_digits_and(more: &[u8]) -> [bool; 256] {
    let mut set = [false; 256];
    let mut at = 0;
    while at < set.len() {
        set[at] = (at as u8).is_ascii_alphanumeric();
        at += 1;
    }
    at = 0;
    while at < more.len() {
        set[more[at] as usize] = true;
        at += 1;
    }
    set
}

/// A position in the text of a record. It is always between characters, since it moves over ASCII
/// alone or to the end of a run that ASCII ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The text that was read since `from`.
    pub(super) fn since(&self, from: usize) -> &'a str {
        self.text.get(from..self.at).unwrap_or_default()
    }

    /// The text that comes next.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over `byte` if it comes next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    /// Steps over spaces and tabs.
    pub(super) fn skip_space(&mut self) {
        self.run(|b| b == b' ' || b == b'\t');
    }

    /// Whether a member ends here: at a comma or at the end.
    pub(super) fn member_ends(&mut self) -> bool {
        self.skip_space();
        matches!(self.peek(), None | Some(b','))
    }

    /// Whether a member ends `ahead` bytes from here.
    pub(super) fn ends_at(&self, ahead: usize) -> bool {
        matches!(self.rest().get(ahead), None | Some(b','))
    }

    /// A key. RFC 8941 has no uppercase in keys, but the samples of CMCD version 1 do.
    pub(super) fn key(&mut self) -> Option<&'a str> {
        let from = self.at;
        self.at += key_bytes(self.rest());
        Some(self.since(from)).filter(|key| !key.is_empty())
    }

    /// A scalar, without its parameters.
    pub(super) fn bare(&mut self) -> Option<Bare<'a>> {
        match self.peek()? {
            b'"' => self.string(),
            b'?' => self.boolean(),
            b'-' | b'0'..=b'9' => self.number(),
            b if b.is_ascii_alphabetic() || b == b'*' => {
                Some(Bare::Token(Cow::Borrowed(self.run(|b| OF_TOKENS[usize::from(b)]))))
            }
            _ => None,
        }
    }

    /// The object type among the parameters of an item; the rest are ignored.
    pub(super) fn params(&mut self) -> Option<Option<&'static str>> {
        let mut found = None;
        while self.eat(b';') {
            self.skip_space();
            let name = self.key()?;
            let mut ot = object_type(name);
            if self.eat(b'=') {
                ot = match self.bare()? {
                    Bare::Token(value) if name == "ot" => object_type(&value),
                    Bare::Bool(true) => ot,
                    _ => None,
                };
            }
            found = found.or(ot);
        }
        Some(found)
    }

    /// An inner list with its parameters; `each` gets its items in turn.
    pub(super) fn list(
        &mut self,
        mut each: impl FnMut(Bare<'a>, Option<&'static str>),
    ) -> Option<()> {
        self.at += 1;
        loop {
            self.skip_space();
            if self.eat(b')') {
                self.params()?;
                return Some(());
            }
            let bare = self.bare()?;
            let ot = self.params()?;
            // A space separates items; `"a""b"` is not a list.
            matches!(self.peek(), Some(b' ' | b'\t' | b')')).then_some(())?;
            each(bare, ot);
        }
    }

    fn run(&mut self, of: impl Fn(u8) -> bool) -> &'a str {
        let from = self.at;
        let rest = self.rest();
        self.at += rest.iter().position(|b| !of(*b)).unwrap_or(rest.len());
        self.text.get(from..self.at).unwrap_or_default()
    }

    fn boolean(&mut self) -> Option<Bare<'a>> {
        self.at += 1;
        let value = self.peek()?;
        self.at += 1;
        match value {
            b'0' => Some(Bare::Bool(false)),
            b'1' => Some(Bare::Bool(true)),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Bare<'a>> {
        let from = self.at;
        self.eat(b'-');
        let whole = self.run(|b| b.is_ascii_digit()).len();
        if whole == 0 || whole > 15 {
            return None;
        }
        if !self.eat(b'.') {
            return self.text.get(from..self.at)?.parse().ok().map(Bare::Int);
        }
        // The standard allows three decimals; players send sixteen.
        let fraction = self.run(|b| b.is_ascii_digit()).len();
        if fraction == 0 {
            return None;
        }
        self.text.get(from..self.at)?.parse().ok().map(Bare::Dec)
    }

    fn string(&mut self) -> Option<Bare<'a>> {
        self.at += 1;
        let from = self.at;
        let (mut escaped, mut fit) = (false, true);
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 1;
                    fit &= matches!(self.peek()?, b'"' | b'\\');
                }
                // Control characters are not text; beyond ASCII we are more liberal than RFC 8941.
                0..0x20 | 0x7f => fit = false,
                _ => {}
            }
            self.at += 1;
        }
        let raw = self.text.get(from..self.at)?;
        self.at += 1;
        Some(match (fit, escaped) {
            (false, _) => Bare::Unfit,
            (true, false) => Bare::Text(Cow::Borrowed(raw)),
            (true, true) => Bare::Text(Cow::Owned(unescape(raw))),
        })
    }
}

fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    out
}

/// How many bytes at the start of `text` are a key.
#[inline]
pub(super) fn key_bytes(text: &[u8]) -> usize {
    match text.first() {
        Some(b) if b.is_ascii_alphabetic() || *b == b'*' => {
            text.iter().position(|b| !OF_KEYS[usize::from(*b)]).unwrap_or(text.len())
        }
        _ => 0,
    }
}

/// Whether a name is a custom key: a key with a hyphen behind its prefix. The names of JSON members
/// and Arrow columns may be any text, such as a URL with its token.
pub fn is_custom(name: &str) -> bool {
    let (bytes, most) = (name.as_bytes(), super::MAX_CUSTOM_CHARS);
    bytes.len() <= most && bytes.contains(&b'-') && key_bytes(bytes) == bytes.len()
}
