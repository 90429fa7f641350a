//! The page `docs/settings.md`: every setting as the sources define it, with its default.

mod flags;
mod source;
mod words;

use std::fmt::Write;

use serde_json::{Value, json};

use super::{PORTS, Settings};
use source::{Kind, Section, Setting};

const HEAD: &str = r#"# Settings

Generated from the doc comments and defaults of the sources.
`UPDATE_GOLDENS=1 cargo test --locked --workspace --bin tallylight -- settings` rewrites it.

The file overrides defaults, the environment overrides the file, and flags override the environment, but for two:
`--ports` changes the defaults of ports, which the file and the environment override, and `--no-demo` is refused when
they bring the demo back.

- The **file** is TOML, named by `--config FILE`. The headings below are its sections: `flush_ms` of `[collector]`.
  A pipe (`--config <(…)`) will do, except for `up`, whose services read the file again.
- In the **environment** it is `TALLYLIGHT_` and the path in capitals, with `__` between its parts:
  `TALLYLIGHT_COLLECTOR__FLUSH_MS=50`, `TALLYLIGHT_DATA_DIR=/var/lib/tallylight`. Lists are written as in TOML, and so
  are strings that look like something else: `TALLYLIGHT_SERVICE_KEY='"1234567890123456"'`.
- **Flags** are few: [below](#flags). The flags of the tools (`sql`, `tail`, `audit`, `log cat`, `drill`, `bench`) are
  described by their `--help`.

`tallylight config` prints the effective settings as a file that `--config` reads. An unknown or invalid setting ends
every command at its start. Later changes take effect at the next start.

A list replaces the default list. Entries with names of your own (`NAME` below, and all that is *by name*) are added to
the defaults. *None* means that the setting is left out. A default can be replaced but not removed (`--no-demo` removes
those of the demo). *Required* and *optional* apply to sections that exist only when you write them. Paths, addresses
(`127.0.0.1:7701`) and networks (`10.0.0.0/8`) are strings. The ports shown are those without `--ports`.

`TALLYLIGHT_LOG` is not a setting. It selects what the program logs to stderr: `info`, or
`warn,tallylight_collector=debug`.
"#;

fn page() -> String {
    let mut out = HEAD.to_owned();
    flags::write(&mut out);
    let Kind::Table(root) = source::root() else { panic!("settings are a struct") };
    let defaults = serde_json::to_value(Settings::on_ports(PORTS)).unwrap();
    section(&mut out, "", "Outside of sections", &root, Some(&defaults));
    linked(&out)
}

/// The pages that doc comments mention, as relative links.
fn linked(text: &str) -> String {
    let (first, others) = text.split_once("docs/").unwrap();
    let links = others.split("docs/").map(|part| {
        let (page, rest) = part.split_once(".md").unwrap();
        format!("[{page}.md]({page}.md){rest}")
    });
    first.to_owned() + &links.collect::<String>()
}

/// A section and its subsections. Without `values` it exists only when it is written.
fn section(out: &mut String, path: &str, title: &str, section: &Section, values: Option<&Value>) {
    let _ = write!(out, "\n## {title}\n\n{}\n\n", section.about);
    out.push_str("| setting | type | default | unit | meaning |\n|---|---|---|---|---|\n");
    let value =
        |setting: &Setting| values.map(|all| all.get(&setting.name).unwrap_or(&Value::Null));
    for setting in &section.settings {
        // A section that is present shows its own values.
        if !matches!(setting.kind, Kind::Table(_)) || !value(setting).is_some_and(Value::is_object)
        {
            row(out, path, setting, value(setting));
        }
    }
    for setting in &section.settings {
        nested(out, path, setting, value(setting));
    }
}

fn nested(out: &mut String, path: &str, setting: &Setting, value: Option<&Value>) {
    let path = join(path, &setting.name);
    match &setting.kind {
        Kind::Table(inner) => {
            let value = value.filter(|value| value.is_object());
            section(out, &path, &format!("`[{path}]`"), inner, value);
        }
        Kind::List(of) => {
            if let Kind::Table(inner) = of.as_ref() {
                section(out, &path, &format!("`[[{path}]]`"), inner, None);
            }
        }
        Kind::Named(of) => {
            if let Kind::Table(inner) = of.as_ref() {
                let path = join(&path, "NAME");
                section(out, &path, &format!("`[{path}]`"), inner, new_one(&path).as_ref());
            }
        }
        Kind::Plain(_) | Kind::Choice(_) => {}
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The settings of a section that users add under a name of their own.
fn new_one(path: &str) -> Option<Value> {
    match path {
        "edges.NAME" => Some(json!(tallylight_pipeline::edge::Settings::default())),
        "collector.tenants.NAME" => Some(json!(tallylight_collector::settings::Tenant::default())),
        _ => None,
    }
}

fn row(out: &mut String, path: &str, setting: &Setting, value: Option<&Value>) {
    let Setting { name, about, kind, optional } = setting;
    assert!(!about.is_empty(), "{} has no doc comment", join(path, name));
    let unit = if words::is_number(kind) { words::unit(name) } else { "" };
    let default = match value {
        Some(value) => words::default_of(kind, unit, value),
        None if *optional => "optional".to_owned(),
        None => "required".to_owned(),
    };
    let mut meaning = about.clone();
    if let Kind::Choice(choice) = kind {
        for (word, about) in choice {
            let _ = write!(meaning, " `{word}`: {about}");
        }
    }
    let _ =
        writeln!(out, "| `{name}` | {} | {default} | {unit} | {meaning} |", words::type_of(kind));
}

/// For the build with the demo's media: without it an encoder has another source.
#[test]
#[cfg(feature = "media")]
fn the_page_is_what_the_sources_say() {
    let (path, page) = (concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/settings.md"), page());
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    for (line, (kept, wanted)) in (1..).zip(kept.lines().zip(page.lines())) {
        assert_eq!(kept, wanted, "line {line} of docs/settings.md");
    }
    assert_eq!(kept, page, "docs/settings.md");
}
