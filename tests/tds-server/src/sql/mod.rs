//! Owns T-SQL's text: words, syntax tree, grammar; never runs anything.

mod alter;
pub(crate) mod ast;
mod call;
mod ddl;
mod dml;
mod expr;
pub(crate) mod lexer;
pub(crate) mod parser;
mod query;
mod reserved;
mod statement;
