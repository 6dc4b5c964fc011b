//! Owns T-SQL's text: words, syntax tree, grammar; never runs anything.

pub(crate) mod ast;
mod ddl;
mod dml;
mod expr;
pub(crate) mod lexer;
pub(crate) mod parser;
mod query;
mod statement;
