//! Checks the words of a statement before they are parsed. The parser limits its depth in
//! expressions and subqueries, but not in types and set operations. Where a word such as CAST is
//! not followed by its usual syntax, the parser backtracks, which doubles its work at each level.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::sql::error::SqlError;

/// Most words and signs of a statement. Each can add a level to the parsed tree.
const WORDS: usize = 16_000;
/// Deepest nesting of brackets, including those of types.
const OPEN: usize = 100;
/// Deepest nesting of words at which the parser may backtrack.
const BACKTRACKING: usize = 10;
/// Most types in angle brackets, set operations and EXPLAINs: each adds a level.
const LEVELS: usize = 64;

/// A construct that was opened and is not closed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Bracket,
    /// A bracket after a word at which the parser may backtrack.
    Backtrack,
    Case,
}

/// Refuses sizes for which the parser has no limit.
pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    let blank = |token: &&TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    let (mut words, mut levels) = (0, 0);
    let mut open: Vec<Open> = Vec::new();
    let mut before = &Token::EOF;
    for token in tokens.iter().filter(|token| !blank(token)) {
        words += 1;
        levels += usize::from(leads_down(&token.token, keyword(before)));
        match &token.token {
            Token::LParen if may_backtrack(keyword(before)) => open.push(Open::Backtrack),
            Token::LParen => open.push(Open::Bracket),
            Token::RParen => while open.pop().is_some_and(|last| last == Open::Case) {},
            word if keyword(word) == Keyword::CASE => open.push(Open::Case),
            word if keyword(word) == Keyword::END && !wants_a_value(before) => {
                open.pop_if(|last| *last == Open::Case);
            }
            word if keyword(word) == Keyword::INTERVAL && keyword(before) == Keyword::INTERVAL => {
                let detail = "INTERVAL takes a text, such as INTERVAL '5 minutes'";
                return Err(SqlError::invalid(detail).at(token.span.start));
            }
            _ => {}
        }
        if words > WORDS {
            return Err(SqlError::limit(format!(
                "the statement has more than {WORDS} words and signs; make it shorter"
            )));
        }
        let backtracking = open.iter().filter(|one| **one != Open::Bracket).count();
        if levels > LEVELS || open.len() > OPEN || backtracking > BACKTRACKING {
            let detail = "the statement is nested too deeply; use WITH to name its parts";
            return Err(SqlError::limit(detail).at(token.span.start));
        }
        before = &token.token;
    }
    Ok(())
}

fn keyword(token: &Token) -> Keyword {
    match token {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

fn leads_down(token: &Token, before: Keyword) -> bool {
    let typed = matches!(before, Keyword::ARRAY | Keyword::STRUCT);
    match keyword(token) {
        Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::MINUS => true,
        Keyword::EXPLAIN => true,
        _ => typed && *token == Token::Lt,
    }
}

/// Whether the parser may backtrack at a word.
fn may_backtrack(word: Keyword) -> bool {
    use Keyword as K;
    matches!(
        word,
        K::CAST
            | K::TRY_CAST
            | K::SAFE_CAST
            | K::CONVERT
            | K::TRY_CONVERT
            | K::CEIL
            | K::FLOOR
            | K::POSITION
            | K::SUBSTR
            | K::SUBSTRING
            | K::OVERLAY
            | K::TRIM
            | K::EXTRACT
            | K::NOT
            | K::CURRENT_DATE
            | K::CURRENT_TIME
            | K::CURRENT_TIMESTAMP
            | K::LOCALTIME
            | K::LOCALTIMESTAMP
            | K::ARRAY
            | K::STRUCT
            | K::EXISTS
            | K::INTERVAL
    )
}

/// Whether a value must follow, so that an `end` there is a column and not the end of a CASE.
fn wants_a_value(token: &Token) -> bool {
    use Keyword as K;
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            K::CASE
                | K::WHEN
                | K::THEN
                | K::ELSE
                | K::AND
                | K::OR
                | K::NOT
                | K::LIKE
                | K::ILIKE
                | K::BETWEEN
                | K::FROM
                | K::TO
                | K::ZONE
                | K::AS
        ),
        Token::LParen | Token::LBracket | Token::Comma | Token::Period | Token::DoubleColon => true,
        Token::Eq | Token::Neq | Token::Lt | Token::Gt | Token::LtEq | Token::GtEq => true,
        Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod => true,
        Token::StringConcat => true,
        _ => false,
    }
}

/// The first word, which says what a statement does.
pub(super) fn verb(tokens: &[TokenWithSpan]) -> String {
    let word = tokens.iter().find_map(|token| match &token.token {
        Token::Word(word) => Some(word.value.as_str()),
        _ => None,
    });
    word.unwrap_or_default().chars().take(20).collect::<String>().to_uppercase()
}
