//! The house rules that a machine can check: crate borders, pure folders, sizes, names.
//! A rule that is not run is not a rule.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// A file may grow to this; past it, the room wants a wall.
const MAX_LINES: usize = 300;
/// And on average a file should stay near this.
const MEAN_LINES: usize = 150;

/// Crate → crates it must never name (ARCHITECTURE.md, "Rooms").
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

/// Words that a `pure/` file does not say outside comments: no async, I/O, clock or chance.
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
fn folders_have_doors_not_mod_rs() {
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
    let mut files = vec![root().join("README.md"), root().join("ARCHITECTURE.md")];
    for folder in ["docs", "docs/adr"] {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    let mut problems = Vec::new();
    for file in files {
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
fn every_dependency_has_its_reason() {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = text.split("[workspace.dependencies]").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let mut reason = false;
    let mut problems = Vec::new();
    for line in section.lines() {
        if line.starts_with('#') {
            reason = true;
        } else if line.is_empty() {
            reason = false;
        } else if line.contains('=') && !line.contains("path =") && !reason && !line.contains('#') {
            problems.push(format!("no line says why: {line}"));
        }
    }
    check(problems);
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
