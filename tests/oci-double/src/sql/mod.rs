//! Owns the grammar of Oracle's SQL and PL/SQL: text to tokens to a tree. It must never ask a database, and never take
//! what Oracle would refuse.

pub(crate) mod ast;
pub(crate) mod lexer;
pub(crate) mod parse;
pub(crate) mod parse_block;
mod parse_call;
mod parse_ddl;
mod parse_dml;
mod parse_expr;
mod parse_query;
mod parse_table;
pub(crate) mod probe;
#[cfg(test)]
mod tests;
