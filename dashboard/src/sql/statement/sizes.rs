//! Parts of a statement that are short but can stand for any size: types and groupings.

use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, DataType, Expr, GroupByExpr};

use crate::sql::error::SqlError;

/// Deepest nesting of lists and structures in a type of a statement; our own types have two levels.
const LEVELS: usize = 4;
/// Most groupings that one GROUP BY stands for: a CUBE of n columns has 2 to the power of n.
const GROUPINGS: usize = 256;

/// The type that an expression names.
pub(super) fn named_type(expr: &Expr) -> Option<&DataType> {
    match expr {
        Expr::Cast { data_type, .. } | Expr::Convert { data_type: Some(data_type), .. } => {
            Some(data_type)
        }
        Expr::TypedString(typed) => Some(&typed.data_type),
        _ => None,
    }
}

/// Refuses a type whose values, including NULL, can be arbitrarily large.
pub(super) fn check_type(named: &DataType) -> Result<(), SqlError> {
    within(named, LEVELS)
}

fn within(named: &DataType, levels: usize) -> Result<(), SqlError> {
    if !matches!(named, DataType::Array(_) | DataType::Struct(..)) {
        return Ok(());
    }
    let Some(levels) = levels.checked_sub(1) else {
        return Err(SqlError::limit(format!(
            "the type has more than {LEVELS} nested lists; name a simpler one"
        )));
    };
    match named {
        DataType::Array(ArrayElemTypeDef::SquareBracket(_, Some(length))) => Err(SqlError::limit(
            format!("a list in a type takes no length: write [] instead of [{length}]"),
        )),
        DataType::Array(
            ArrayElemTypeDef::AngleBracket(item)
            | ArrayElemTypeDef::SquareBracket(item, None)
            | ArrayElemTypeDef::Parenthesis(item),
        ) => within(item, levels),
        DataType::Struct(fields, _) => {
            fields.iter().try_for_each(|field| within(&field.field_type, levels))
        }
        _ => Ok(()),
    }
}

/// Refuses a GROUP BY that stands for too many groupings.
pub(super) fn check_groupings(by: &GroupByExpr) -> Result<(), SqlError> {
    let GroupByExpr::Expressions(parts, _) = by else { return Ok(()) };
    let groupings = parts.iter().map(|part| match part {
        Expr::Cube(columns) => {
            2_usize.saturating_pow(u32::try_from(columns.len()).unwrap_or(u32::MAX))
        }
        Expr::Rollup(columns) => columns.len() + 1,
        Expr::GroupingSets(sets) => sets.len(),
        _ => 1,
    });
    let all = groupings.fold(1, usize::saturating_mul);
    if all > GROUPINGS {
        return Err(SqlError::limit(format!(
            "GROUP BY stands for more than {GROUPINGS} groupings (CUBE doubles them with each \
             column); name the needed ones in GROUPING SETS"
        )));
    }
    Ok(())
}
