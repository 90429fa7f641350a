//! Makes sure that there are pages to embed, so that `cargo build` works on a fresh clone.

use std::path::Path;
use std::{fs, io};

const PLACEHOLDER: &str = "<!doctype html><meta charset=\"utf-8\"><title>Tallylight</title>\
<p>The pages are not built yet: run `make web`, then build again.</p>\n";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=web/dist");
    let dist = Path::new("web/dist");
    let index = dist.join("index.html");
    if !index.exists() {
        fs::create_dir_all(dist)?;
        fs::write(index, PLACEHOLDER)?;
    }
    Ok(())
}
