//! Blocks of PL/SQL. It must never take a placeholder in a stored body.

use crate::ora::Ora;
use crate::sql::ast::{Block, Declaration, Expr, Statement, Step};
use crate::sql::lexer::Tok;
use crate::sql::parse::Parser;

impl Parser<'_> {
    /// `[DECLARE ..] BEGIN .. END`, up to and without what follows its last semicolon.
    pub(crate) fn outer_block(&mut self) -> Ora<Block> {
        let block = self.block()?;
        self.semicolon()?;
        Ok(block)
    }

    /// The body of a routine: declarations without DECLARE.
    pub(crate) fn routine_body(&mut self) -> Ora<Block> {
        let declarations = self.declarations()?;
        let mut block = self.block()?;
        block.declarations = declarations;
        self.semicolon()?;
        Ok(block)
    }

    fn declarations(&mut self) -> Ora<Vec<Declaration>> {
        let mut declarations = Vec::new();
        while !self.is_word("BEGIN") {
            if self.word("PRAGMA") {
                if self.words(&["AUTONOMOUS_TRANSACTION"]) {
                    self.semicolon()?;
                    continue;
                }
                if !self.word("EXCEPTION_INIT") {
                    return Err(self.block_error());
                }
                self.open()?;
                let name = self.name(904)?;
                if !self.op(",") {
                    return Err(self.block_error());
                }
                let number = self.integer()?;
                self.close()?;
                self.semicolon()?;
                declarations.push(Declaration::ExceptionInit(name, i32::try_from(number).unwrap_or(0)));
                continue;
            }
            let name = self.name(6550).map_err(|_| self.block_error())?;
            if self.word("EXCEPTION") {
                declarations.push(Declaration::Exception(name));
            } else {
                self.word("CONSTANT");
                let ty = self.type_name().map_err(|_| self.block_error())?;
                self.words(&["NOT", "NULL"]);
                let value =
                    if self.op(":=") || self.word("DEFAULT") { Some(self.condition()?) } else { None };
                declarations.push(Declaration::Variable(name, ty, value));
            }
            self.semicolon()?;
        }
        Ok(declarations)
    }

    fn block(&mut self) -> Ora<Block> {
        if self.op("<<") {
            self.name(6550)?;
            self.op(">>");
        }
        let declarations = if self.word("DECLARE") { self.declarations()? } else { Vec::new() };
        if !self.word("BEGIN") {
            return Err(self.block_error());
        }
        let body = self.steps(&["END", "EXCEPTION"])?;
        let mut handlers = Vec::new();
        if self.word("EXCEPTION") {
            while self.word("WHEN") {
                let mut names = vec![self.name(6550)?];
                while self.word("OR") {
                    names.push(self.name(6550)?);
                }
                if !self.word("THEN") {
                    return Err(self.block_error());
                }
                handlers.push((names, self.steps(&["WHEN", "END"])?));
            }
        }
        if !self.word("END") {
            return Err(self.block_error());
        }
        if matches!(self.tok(), Tok::Word(_) | Tok::Quoted(_)) {
            self.at += 1;
        }
        Ok(Block { declarations, body, handlers })
    }

    fn steps(&mut self, until: &[&str]) -> Ora<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            if until.iter().any(|w| self.is_word(w)) {
                return Ok(steps);
            }
            steps.push(self.step()?);
        }
    }

    fn step(&mut self) -> Ora<Step> {
        let word = match self.tok().clone() {
            Tok::Word(w) => w,
            Tok::Bind(_) | Tok::Quoted(_) => String::new(),
            _ => return Err(self.block_error()),
        };
        let step = match word.as_str() {
            "NULL" if matches!(self.ahead(1), Tok::Op(";")) => {
                self.at += 1;
                Step::Nothing
            }
            "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "COMMIT" | "ROLLBACK" | "SAVEPOINT"
            | "LOCK" | "SET" | "WITH" => Step::Sql(Box::new(self.statement()?)),
            "IF" => self.if_step()?,
            "WHILE" => {
                self.at += 1;
                let condition = self.condition()?;
                Step::While(Some(condition), self.loop_body()?)
            }
            "LOOP" => Step::While(None, self.loop_body()?),
            "FOR" => self.for_step()?,
            "EXIT" => {
                self.at += 1;
                Step::Exit(if self.word("WHEN") { Some(self.condition()?) } else { None })
            }
            "RETURN" => {
                self.at += 1;
                Step::Return(if self.is_op(";") { None } else { Some(self.expression()?) })
            }
            "RAISE" => {
                self.at += 1;
                Step::Raise(if self.is_op(";") { None } else { Some(self.name(6550)?) })
            }
            "BEGIN" | "DECLARE" => Step::Block(Box::new(self.block()?)),
            "EXECUTE" if self.words(&["EXECUTE", "IMMEDIATE"]) => Step::Execute(self.expression()?),
            _ => self.call_or_assign()?,
        };
        self.semicolon()?;
        Ok(step)
    }

    fn loop_body(&mut self) -> Ora<Vec<Step>> {
        if !self.word("LOOP") {
            return Err(self.block_error());
        }
        let steps = self.steps(&["END"])?;
        if !self.words(&["END", "LOOP"]) {
            return Err(self.block_error());
        }
        Ok(steps)
    }

    fn if_step(&mut self) -> Ora<Step> {
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        self.at += 1;
        loop {
            let condition = self.condition()?;
            if !self.word("THEN") {
                return Err(self.block_error());
            }
            branches.push((condition, self.steps(&["ELSIF", "ELSE", "END"])?));
            if !self.word("ELSIF") {
                break;
            }
        }
        if self.word("ELSE") {
            otherwise = self.steps(&["END"])?;
        }
        if !self.words(&["END", "IF"]) {
            return Err(self.block_error());
        }
        Ok(Step::If(branches, otherwise))
    }

    fn for_step(&mut self) -> Ora<Step> {
        self.at += 1;
        let name = self.name(6550)?;
        if !self.word("IN") {
            return Err(self.block_error());
        }
        if self.is_op("(") {
            self.at += 1;
            let query = self.query()?;
            self.close()?;
            return Ok(Step::ForQuery(name, Box::new(query), self.loop_body()?));
        }
        let low = self.expression()?;
        if !self.op("..") {
            return Err(self.block_error());
        }
        let high = self.expression()?;
        Ok(Step::ForRange(name, low, high, self.loop_body()?))
    }

    fn call_or_assign(&mut self) -> Ora<Step> {
        if matches!(self.tok(), Tok::Bind(_)) {
            let target = self.expression()?;
            if !self.op(":=") {
                return Err(self.block_error());
            }
            return Ok(Step::Assign(target, self.condition()?));
        }
        let path = self.path(6550).map_err(|_| self.block_error())?;
        if self.op(":=") {
            return Ok(Step::Assign(Expr::Name(path), self.condition()?));
        }
        let mut args = Vec::new();
        if self.op("(") {
            if !self.is_op(")") {
                args = self.arguments()?;
            }
            if !self.op(")") {
                return Err(self.block_error());
            }
        }
        Ok(Step::Call(path, args))
    }
}

/// Whether a block commits by itself, which a function of PostgreSQL cannot do.
pub(crate) fn commits(block: &Block) -> bool {
    block.body.iter().any(|s| match s {
        Step::Sql(s) => matches!(**s, Statement::Commit | Statement::Rollback(None)),
        Step::Block(b) => commits(b),
        _ => false,
    })
}
