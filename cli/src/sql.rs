//! `tallylight sql`: one statement, answered by the dashboard if it runs, otherwise from the files
//! of history.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tallylight_dashboard::sql::{Engine, FILES_ALONE, Format, Platform, TRUNCATED};
use tallylight_store::history::History;

use crate::lines;
use crate::settings::Settings;

/// Longest statement read from stdin, bytes; the engine has its own limit.
const LONGEST: u64 = 1 << 20;
/// Allowance beyond a query's deadline for request and answer.
const AROUND: Duration = Duration::from_secs(30);

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// The statement, such as "SELECT * FROM sessions LIMIT 10"; `-` reads it from stdin.
    statement: String,
    /// The format of the answer.
    #[arg(long, value_enum, default_value_t = Form::Table)]
    format: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Table,
    Json,
    Csv,
    Arrow,
    Parquet,
}

impl Form {
    fn format(self) -> Format {
        match self {
            Form::Table => Format::Table,
            Form::Json => Format::Json,
            Form::Csv => Format::Csv,
            Form::Arrow => Format::Arrow,
            Form::Parquet => Format::Parquet,
        }
    }
}

/// An answer, or the exit code and the reason why there is none.
type Outcome = Result<SqlAnswer, (u8, String)>;

struct SqlAnswer {
    body: Vec<u8>,
    /// The number of rows, if there were more.
    truncated: Option<String>,
    /// Tables for which rows that are not in a file yet are missing.
    files_alone: Option<String>,
}

pub(crate) async fn run(settings: Settings, args: SqlArgs) -> anyhow::Result<()> {
    let statement =
        if args.statement == "-" { from_stdin(std::io::stdin().lock())? } else { args.statement };
    let format = args.format.format();
    let outcome = match ask(&settings, &statement, format).await? {
        Some(outcome) => outcome,
        None => offline(&settings, &statement, format).await?,
    };
    let mut stderr = std::io::stderr().lock();
    match outcome {
        Ok(got) => {
            write(&got.body)?;
            if let Some(rows) = got.truncated {
                writeln!(stderr, "cut off at the limit ({rows}): add a LIMIT, or ask for less")?;
            }
            if let Some(tables) = got.files_alone {
                writeln!(
                    stderr,
                    "without rows that are not in a file of history yet ({tables}): a processor does not answer"
                )?;
            }
            Ok(())
        }
        Err((code, detail)) => {
            writeln!(stderr, "{detail}")?;
            std::process::exit(i32::from(code))
        }
    }
}

/// The statement on stdin. Its length is checked before its encoding: a statement that is too long
/// is cut off, perhaps inside a character.
fn from_stdin(stdin: impl Read) -> anyhow::Result<String> {
    let mut statement = Vec::new();
    stdin.take(LONGEST + 1).read_to_end(&mut statement).context("stdin cannot be read")?;
    anyhow::ensure!(
        statement.len() as u64 <= LONGEST,
        "the statement has more than {LONGEST} bytes; ask with a shorter one"
    );
    String::from_utf8(statement).context("stdin is not text")
}

/// Writes the answer; a closed pipe (`| head`) is not an error.
fn write(body: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    lines::is_read(stdout.write_all(body).and_then(|()| stdout.flush()))?;
    Ok(())
}

/// Queries the dashboard; `None` if it does not run.
async fn ask(settings: &Settings, sql: &str, format: Format) -> anyhow::Result<Option<Outcome>> {
    let dashboard = settings.dashboard_url();
    let patience = Duration::from_secs(settings.dashboard.sql.deadline_s) + AROUND;
    let client = reqwest::Client::builder().no_proxy().timeout(patience).build()?;
    let request = client
        .post(format!("{dashboard}/v1/sql"))
        .header("content-type", "application/json")
        .header("accept", format.media_type())
        .body(json!({ "sql": sql }).to_string());
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) if error.is_connect() => return Ok(None),
        Err(error) => bail!("the dashboard at {dashboard} does not answer: {error}"),
    };
    let status = answer.status().as_u16();
    let said = |header| answer.headers().get(header)?.to_str().ok().map(str::to_owned);
    let (truncated, files_alone) = (said(&TRUNCATED), said(&FILES_ALONE));
    let body = answer.bytes().await.context("the dashboard broke off its answer")?.to_vec();
    if status == 200 {
        return Ok(Some(Ok(SqlAnswer { body, truncated, files_alone })));
    }
    Ok(Some(Err((code(status), why(&body)))))
}

/// The error in an answer of the dashboard.
pub(crate) fn why(problem: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(problem).unwrap_or_default();
    problem["detail"].as_str().unwrap_or("the dashboard answers with an error").to_owned()
}

/// The exit code tells the caller what to do: 2 change the statement, 3 ask for less, 4 try again,
/// 1 anything else.
fn code(status: u16) -> u8 {
    match status {
        400 | 403 => 2,
        422 => 3,
        503 => 4,
        _ => 1,
    }
}

/// Answers from the files of history only, without changing anything.
async fn offline(settings: &Settings, sql: &str, format: Format) -> anyhow::Result<Outcome> {
    let (folder, dashboard) = (settings.data_dir.join("history"), &settings.dashboard);
    let nobody = format!("no dashboard listens at {}", settings.dashboard_url());
    if !folder.is_dir() {
        let detail = format!(
            "{nobody} and there is no history in {}: start it with `tallylight up`, or say where \
             it is with --ports or --data",
            settings.data_dir.display()
        );
        return Ok(Err((4, detail)));
    }
    writeln!(std::io::stderr(), "{nobody}: answering from {}", folder.display())?;
    let history = History::open_read_only(&folder).await?;
    let tables = Platform::new(&dashboard.tenant, &dashboard.live_events, Some(history), None)?;
    let engine = Engine::new(dashboard.sql.clone(), &dashboard.tenant, Arc::new(tables), None)?;
    Ok(match engine.run(sql, format).await {
        Ok(answer) => {
            let truncated = answer.truncated.then(|| format!("rows={}", answer.rows));
            Ok(SqlAnswer { body: answer.body, truncated, files_alone: None })
        }
        Err(error) => Err((code(error.status()), error.to_string())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_is_cut_off_inside_a_character_is_too_long_and_not_no_text() {
        let read = |stdin: &[u8]| from_stdin(stdin).map_err(|error| error.to_string());
        assert_eq!(read("SELECT 'é'".as_bytes()), Ok("SELECT 'é'".to_owned()));
        assert_eq!(read(b"SELECT '\xff'"), Err("stdin is not text".to_owned()));
        // One byte more than the limit is read: half of the last character.
        let long = "é".repeat((1 << 19) + 1);
        assert!(read(long.as_bytes()).is_err_and(|why| why.contains("more than 1048576 bytes")));
        let longest = "é".repeat(1 << 19);
        assert_eq!(read(longest.as_bytes()), Ok(longest));
    }
}
