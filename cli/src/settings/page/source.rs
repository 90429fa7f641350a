//! Settings as the sources define them: names, types, and doc comments as descriptions.

use std::path::Path;

use syn::{
    Attribute, Expr, ExprLit, Field, GenericArgument, Item, ItemEnum, ItemStruct, Lit, Meta,
    PathArguments, Type,
};

/// Types that are defined in another file than the setting that uses them, as written there.
const ELSEWHERE: [(&str, &str); 19] = [
    ("LogSettings", "cli/src/log.rs"),
    ("tallylight_store::history::Settings", "store/src/history/settings.rs"),
    ("tallylight_collector::Settings", "collector/src/settings.rs"),
    ("enrich::Settings", "collector/src/enrich/settings.rs"),
    ("TlsFiles", "serve/src/tls.rs"),
    ("tallylight_stream_processor::Settings", "stream-processor/src/settings.rs"),
    ("archive::Settings", "stream-processor/src/archive/settings.rs"),
    ("audit::Settings", "stream-processor/src/audit/scheduler.rs"),
    ("Limits", "stream-processor/src/pure/limits.rs"),
    ("tallylight_dashboard::Settings", "dashboard/src/settings.rs"),
    ("Upstreams", "dashboard/src/settings/upstreams.rs"),
    ("SqlSettings", "dashboard/src/sql/settings.rs"),
    ("Retention", "store/src/live/retention.rs"),
    ("tallylight_pipeline::encoder::Settings", "pipeline/src/encoder/settings.rs"),
    ("Grid", "schemas/src/grid.rs"),
    ("tallylight_pipeline::origin::Settings", "pipeline/src/origin/settings.rs"),
    ("tallylight_pipeline::edge::Settings", "pipeline/src/edge/settings.rs"),
    ("tallylight_pipeline::steering::Settings", "pipeline/src/steering/settings.rs"),
    ("tallylight_audience::Settings", "audience/src/settings.rs"),
];

/// A group of settings.
pub(super) struct Section {
    pub(super) about: String,
    pub(super) settings: Vec<Setting>,
}

/// A setting.
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) kind: Kind,
    /// It may be left out.
    pub(super) optional: bool,
}

/// The type of a value.
pub(super) enum Kind {
    /// One value, and the word for its type.
    Plain(&'static str),
    /// One of these words, each with its meaning.
    Choice(Vec<(String, String)>),
    /// A section of its own.
    Table(Section),
    /// A list of sections.
    List(Box<Kind>),
    /// A map of sections by name.
    Named(Box<Kind>),
}

/// All settings.
pub(super) fn root() -> Kind {
    Source::read("cli/src/settings.rs").defined("Settings")
}

struct Source {
    name: String,
    items: Vec<Item>,
}

impl Source {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name: name.to_owned(), items: syn::parse_file(&text).unwrap().items }
    }

    fn defined(&self, name: &str) -> Kind {
        let found = self.items.iter().find_map(|item| match item {
            Item::Struct(item) if item.ident == name => Some(Kind::Table(self.section(item))),
            Item::Enum(item) if item.ident == name => Some(Kind::Choice(words(item))),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("{name} is not in {}: name its file above", self.name))
    }

    fn section(&self, item: &ItemStruct) -> Section {
        let all = has_default(&item.attrs);
        let settings = item.fields.iter().map(|field| self.setting(field, all)).collect();
        Section { about: about(&item.attrs), settings }
    }

    fn setting(&self, field: &Field, optional: bool) -> Setting {
        let (outer, inner) = parts(&field.ty);
        let (option, ty) = match inner.as_slice() {
            [inner] if outer == "Option" => (true, *inner),
            _ => (false, &field.ty),
        };
        Setting {
            name: field.ident.as_ref().unwrap().to_string(),
            about: about(&field.attrs),
            kind: self.kind(ty),
            optional: optional || option || has_default(&field.attrs),
        }
    }

    fn kind(&self, ty: &Type) -> Kind {
        let (name, inner) = parts(ty);
        match (name.as_str(), inner.as_slice()) {
            ("bool", _) => Kind::Plain("true or false"),
            ("u16" | "u32" | "u64" | "usize" | "i64", _) => Kind::Plain("integer"),
            ("String", _) => Kind::Plain("string"),
            ("PathBuf", _) => Kind::Plain("path"),
            ("SocketAddr", _) => Kind::Plain("address"),
            ("IpNetwork", _) => Kind::Plain("network"),
            ("Vec", [of]) => Kind::List(Box::new(self.kind(of))),
            ("BTreeMap", [_, of]) => Kind::Named(Box::new(self.kind(of))),
            (name, _) => {
                let own = name.rsplit("::").next().unwrap();
                match ELSEWHERE.iter().find(|(known, _)| *known == name) {
                    Some((_, file)) => Source::read(file).defined(own),
                    None => self.defined(own),
                }
            }
        }
    }
}

/// A type's path as written, and the types between its angle brackets.
fn parts(ty: &Type) -> (String, Vec<&Type>) {
    let Type::Path(ty) = ty else { panic!("a setting's type is a path") };
    let segments = &ty.path.segments;
    let names: Vec<String> = segments.iter().map(|segment| segment.ident.to_string()).collect();
    let inner = match &segments.last().unwrap().arguments {
        PathArguments::AngleBracketed(inner) => inner.args.iter().collect(),
        _ => Vec::new(),
    };
    let types = inner.into_iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    (names.join("::"), types.collect())
}

/// The words of an enum. Each of our variants is one word, which serde writes in lower case.
fn words(item: &ItemEnum) -> Vec<(String, String)> {
    let word = |name: String| {
        assert_eq!(name.matches(char::is_uppercase).count(), 1, "{name} is more than one word");
        name.to_lowercase()
    };
    let variants = item.variants.iter();
    variants.map(|one| (word(one.ident.to_string()), about(&one.attrs))).collect()
}

/// The doc comment as one line.
fn about(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether serde uses a default if the setting is not written.
fn has_default(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("serde") => {
            list.tokens.to_string().contains("default")
        }
        _ => false,
    })
}
