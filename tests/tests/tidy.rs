//! The rules of this codebase that a machine can check: crate borders, pure folders, sizes, names.
//! A rule that is not run is not a rule.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// A file may grow to this; beyond it, it must be split.
const MAX_LINES: usize = 300;
/// The mean length of files must stay below this.
const MEAN_LINES: usize = 150;
/// The widest line of prose in documents.
const MAX_COLUMNS: usize = 120;

/// Crate → crates it must never name (ARCHITECTURE.md, "Crates").
const BORDERS: &[(&str, &[&str])] = &[
    ("schemas", &["tokio", "axum", "hyper", "reqwest", "rdkafka", "datafusion", "gstreamer"]),
    ("serve", &["tallylight-", "gstreamer", "reqwest"]),
    ("eventlog", &["axum", "datafusion", "gstreamer", "reqwest"]),
    ("store", &["axum", "rdkafka", "gstreamer", "reqwest"]),
    ("collector", &["tallylight-store", "datafusion", "gstreamer", "tallylight-pipeline"]),
    ("stream-processor", &["gstreamer", "axum", "tallylight-collector", "tallylight-pipeline"]),
    ("dashboard", &["rdkafka", "gstreamer", "tallylight-collector", "tallylight-pipeline"]),
    (
        "pipeline",
        &["datafusion", "tallylight-eventlog", "tallylight-store", "tallylight-collector"],
    ),
    (
        "audience",
        &[
            "tallylight-collector",
            "tallylight-stream-processor",
            "tallylight-dashboard",
            "tallylight-pipeline",
            "tallylight-eventlog",
            "tallylight-store",
            "tallylight-serve",
            "gstreamer",
        ],
    ),
];

/// Words that a `pure/` file must not contain outside comments: no async, I/O, clock or randomness.
const IMPURE: &[&str] = &[
    "async ",
    ".await",
    "tokio",
    "std::fs",
    "std::net",
    "std::io",
    "SystemTime",
    "Instant",
    "rand::",
    "dyn Clock",
    "tracing::",
    "reqwest",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every file of the tree below `folder` that is not built or fetched, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !path.is_dir() {
                out.push(path);
            } else if !["target", "node_modules", "data", ".git", "dist"].contains(&name.as_str()) {
                walk(&path, out);
            }
        }
    }
    let mut out = Vec::new();
    walk(folder, &mut out);
    out.sort();
    out
}

fn rust_files() -> Vec<PathBuf> {
    let mut found = files(&root());
    found.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    found
}

/// The documents at the root, and those of these folders.
fn documents(folders: &[&str]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| root().join(name)).into();
    for folder in folders {
        let Ok(entries) = fs::read_dir(root().join(folder)) else { continue };
        let paths = entries.map(|entry| entry.unwrap().path());
        found.extend(paths.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

fn check(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn files_stay_small() {
    let sizes: Vec<(String, usize)> = rust_files()
        .iter()
        .map(|file| (relative(file), fs::read_to_string(file).unwrap().lines().count()))
        .collect();
    let mean = sizes.iter().map(|(_, lines)| lines).sum::<usize>() / sizes.len();
    assert!(mean <= MEAN_LINES, "files have {mean} lines on average, above {MEAN_LINES}");
    check(
        sizes
            .into_iter()
            .filter(|(_, lines)| *lines > MAX_LINES)
            .map(|(file, lines)| format!("{file}: {lines} lines, above {MAX_LINES}; split it"))
            .collect(),
    );
}

#[test]
fn module_files_are_beside_their_folders_not_mod_rs() {
    check(
        rust_files()
            .iter()
            .filter(|file| file.ends_with("mod.rs"))
            .map(|file| format!("{}: write folder.rs beside folder/ instead", relative(file)))
            .collect(),
    );
}

#[test]
fn crate_borders_hold() {
    let mut problems = Vec::new();
    for (room, banned) in BORDERS {
        let text = fs::read_to_string(root().join(room).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let Some(dependencies) = manifest.get("dependencies").and_then(|d| d.as_table()) else {
            continue;
        };
        for name in dependencies.keys() {
            if banned.iter().any(|ban| name.starts_with(ban)) {
                problems.push(format!("{room}/Cargo.toml names {name}, which must not leak there"));
            }
        }
    }
    check(problems);
}

#[test]
fn gstreamer_is_named_in_the_encoder_only() {
    check(
        rust_files()
            .iter()
            .map(|file| relative(file))
            .filter(|file| !file.starts_with("pipeline/src/encoder") && !file.ends_with("tidy.rs"))
            .filter(|file| {
                let text = fs::read_to_string(root().join(file)).unwrap();
                text.contains("gst::") || text.contains("gstreamer::")
            })
            .map(|file| format!("{file}: GStreamer belongs to pipeline/src/encoder"))
            .collect(),
    );
}

#[test]
fn pure_folders_are_pure() {
    let mut problems = Vec::new();
    for file in rust_files() {
        let name = relative(&file);
        if !name.contains("/pure/") && !name.ends_with("/pure.rs") {
            continue;
        }
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap();
            if let Some(word) = IMPURE.iter().find(|word| code.contains(**word)) {
                problems.push(format!("{name}:{}: {word:?} in a pure file", number + 1));
            }
        }
    }
    check(problems);
}

#[test]
fn sources_of_the_pages_stay_small() {
    let mut problems = Vec::new();
    for file in files(&root().join("dashboard/web/src")) {
        let lines = fs::read_to_string(&file).unwrap_or_default().lines().count();
        if lines > MAX_LINES {
            problems.push(format!("{}: {lines} lines, above {MAX_LINES}", relative(&file)));
        }
    }
    check(problems);
}

#[test]
fn links_between_documents_resolve() {
    let mut problems = Vec::new();
    for file in documents(&["docs", "docs/adr", "docs/soak"]) {
        let text = fs::read_to_string(&file).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            if !file.parent().unwrap().join(target).exists() {
                problems.push(format!("{}: {link} leads nowhere", relative(&file)));
            }
        }
    }
    check(problems);
}

#[test]
fn prose_is_at_most_120_columns() {
    let mut problems = Vec::new();
    for file in documents(&["docs", "docs/adr"]) {
        let name = relative(&file);
        // These two are generated by tests.
        if name == "docs/tables.md" || name == "docs/settings.md" {
            continue;
        }
        for line in too_wide(&fs::read_to_string(&file).unwrap()) {
            problems.push(format!("{name}:{line}: above {MAX_COLUMNS} columns"));
        }
    }
    check(problems);
    // Checks that it can fail.
    let (wide, link) = ("wide ".repeat(30), "x".repeat(MAX_COLUMNS));
    let text = format!("{wide}\n```\n{wide}\n```\n| {wide}|\nat https://{link}\n{wide}\n");
    assert_eq!(too_wide(&text), [1, 7]);
}

/// Numbers of the lines of prose that are too wide. Tables and code may be wide, and so may a line
/// with one word that is too wide, such as an address.
fn too_wide(text: &str) -> Vec<usize> {
    let fits = |words: &str| words.chars().count() <= MAX_COLUMNS;
    let (mut code, mut found) = (false, Vec::new());
    for (number, line) in text.lines().enumerate() {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        let prose = !code && !fence && !line.trim_start().starts_with('|');
        if prose && !fits(line) && line.split_whitespace().all(fits) {
            found.push(number + 1);
        }
    }
    found
}

#[test]
fn every_dependency_has_its_reason() {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = text.split("[workspace.dependencies]").nth(1).unwrap();
    check(without_reason(section.split("\n[").next().unwrap()));
    // Checks that it can fail.
    let bare = without_reason("# Of one.\none = \"1\"\none-more = \"1\"\nother = \"1\"\n");
    assert_eq!(bare, ["no line says why: other = \"1\""]);
}

/// Dependencies without a comment above them or above a neighbour with the same first word.
fn without_reason(section: &str) -> Vec<String> {
    let first_word = |line: &str| line.split([' ', '-', '_']).next().unwrap_or_default().to_owned();
    let (mut commented, mut reasoned) = (false, String::new());
    let mut bare = Vec::new();
    for line in section.lines().filter(|line| !line.contains("path =")) {
        if line.contains('=') && !line.starts_with('#') {
            let name = first_word(line);
            if commented {
                reasoned = name;
            } else if name != reasoned {
                bare.push(format!("no line says why: {line}"));
            }
        }
        commented = line.starts_with('#');
    }
    bare
}

#[test]
fn architecture_names_every_room() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let manifest: toml::Table =
        fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    check(
        members
            .iter()
            .map(|member| member.as_str().unwrap())
            .filter(|member| !text.contains(&format!("`{member}/`")))
            .map(|member| format!("ARCHITECTURE.md does not name `{member}/`"))
            .collect(),
    );
}
