//! Flags that change settings.

use std::fmt::Write;

use clap::{Arg, CommandFactory};

/// Commands whose flags change settings. The flags of tools are in their `--help`.
const SERVICES: [&str; 4] = ["up", "encoder", "edge", "audience"];

pub(super) fn write(out: &mut String) {
    let all = crate::Cli::command();
    out.push_str("\n## Flags\n\n| flag | of | meaning |\n|---|---|---|\n");
    all.get_arguments().for_each(|arg| flag(out, "every command", arg));
    for name in SERVICES {
        let command = all.find_subcommand(name).unwrap();
        command.get_arguments().for_each(|arg| flag(out, &format!("`{name}`"), arg));
    }
}

fn flag(out: &mut String, of: &str, arg: &Arg) {
    let Some(name) = arg.get_long().filter(|_| !arg.is_hide_set()) else { return };
    let mut written = format!("--{name}");
    let mut about = arg.get_help().unwrap().to_string();
    about.push('.');
    if arg.get_action().takes_values() {
        for value in arg.get_value_names().unwrap_or_default() {
            let _ = write!(written, " {value}");
        }
        let values = arg.get_possible_values();
        let values: Vec<_> = values.iter().map(|one| format!("`{}`", one.get_name())).collect();
        if !values.is_empty() {
            let _ = write!(about, " One of {}.", values.join(", "));
        }
    }
    let _ = writeln!(out, "| `{written}` | {of} | {about} |");
}
