//! Errors of the driver, classified. The only place that looks into the driver's errors; never lets a value into what is
//! logged, and reads of ODPI-C's own words the first line alone, because what follows can end in garbage.

use oracle::{DbError, Error, ErrorKind};

use super::PRODUCT;
use crate::{
    his::{HisError, faults},
    model::outcome::FaultClass,
};

/// An error of a call, as the daemon understands it.
pub(super) fn of(error: &Error) -> HisError {
    if let Some(first) = error.batch_errors().and_then(|errors| errors.first()) {
        return of_server(first.code(), first.message());
    }
    if let Some(number) = error.dpi_code() {
        return of_dpi(number, error.db_error().map_or("", DbError::message));
    }
    if let Some(db) = error.db_error() {
        return of_server(db.code(), db.message());
    }
    match error.kind() {
        // The words repeat the value.
        ErrorKind::OutOfRange | ErrorKind::ParseError | ErrorKind::InvalidArgument => {
            let message = format!("a value cannot be passed to Oracle: {error}");
            let public = "a value cannot be passed to Oracle".to_owned();
            HisError { public, ..HisError::plain(FaultClass::Rejected, "oracle-value", message) }
        }
        ErrorKind::InvalidBindIndex | ErrorKind::InvalidOperation => {
            let message = format!("the statement cannot be run so: {error}");
            HisError::plain(FaultClass::Config, "oracle-statement", message)
        }
        kind => {
            let message = format!("the Oracle driver failed: {error}");
            let public = format!("the Oracle driver failed ({kind:?})");
            HisError { public, ..HisError::plain(FaultClass::Unrecognised, "oracle-driver", message) }
        }
    }
}

/// An error with one of Oracle's own numbers.
pub(super) fn of_server(outer: i32, text: &str) -> HisError {
    let number = faults::oracle::inner(outer, text);
    let class = faults::oracle::class(number);
    let mut words = faults::oracle::words(text);
    if number == 972 {
        words.push_str("; before Oracle 12.2 names have 30 bytes at most");
    }
    numbered(class, number, words)
}

/// An error in the daemon's or Oracle's words, under one of Oracle's numbers; the log gets the number alone.
pub(super) fn numbered(class: FaultClass, number: i32, words: String) -> HisError {
    let duplicate = faults::oracle::duplicate(number);
    let mut error = HisError::server(class, PRODUCT, number.into(), words, duplicate);
    error.public = format!("ORA-{number:05} ({})", faults::words(class));
    error
}

fn of_dpi(number: i32, text: &str) -> HisError {
    let first = text.lines().next().unwrap_or_default().trim_end();
    let class = faults::oracle::dpi_class(number);
    let message = match (class, faults::oracle::mentioned(first)) {
        (FaultClass::Unreachable, _) if number == 1067 => {
            format!("no answer from the HIS database in time, the call was given up ({first})")
        }
        (FaultClass::Unreachable, _) => format!("the connection to the HIS database was lost ({first})"),
        _ => first.to_owned(),
    };
    HisError::plain(class, &format!("oracle-dpi-{number}"), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oracle_numbers() {
        fn check(number: i32, text: &str, class: FaultClass, code: &str, words: &str) {
            let error = of_server(number, text);
            assert_eq!((error.class, error.code.as_str()), (class, code), "{error}");
            assert!(error.message.contains(words), "{error}");
            assert!(!error.public.contains("12345"), "{}", error.public);
        }
        check(
            1,
            "ORA-00001: unique constraint (H.PK) violated on table H.T columns (ID) ORA-03301: (12345)",
            FaultClass::Rejected,
            "oracle-1",
            "12345",
        );
        check(
            604,
            "ORA-00604: x\nORA-20001: nicht erlaubt 12345\nORA-06512: at line 1",
            FaultClass::Rejected,
            "oracle-20001",
            "ORA-20001: nicht erlaubt",
        );
        check(
            2091,
            "ORA-02091: transaction rolled back\nORA-02291: x",
            FaultClass::Parent,
            "oracle-2291",
            "ORA-02291",
        );
        check(972, "ORA-00972: identifier is too long", FaultClass::Config, "oracle-972", "30 bytes");
        assert!(of_server(1, "ORA-00001: x").duplicate_key);
    }

    #[test]
    fn numbers_of_odpi() {
        fn check(number: i32, text: &str, class: FaultClass, words: &str) {
            let error = of_dpi(number, text);
            assert_eq!(
                (error.class, error.code),
                (class, format!("oracle-dpi-{number}")),
                "{}",
                error.message
            );
            assert!(error.message.contains(words) && !error.message.contains("garbage"), "{}", error.message);
        }
        check(
            1067,
            "DPI-1067: call timeout of 5 ms exceeded with ORA-03136\nORA-03136: garbage",
            FaultClass::Unreachable,
            "in time",
        );
        check(
            1080,
            "DPI-1080: connection was closed by ORA-03113\ngarbage",
            FaultClass::Unreachable,
            "was lost (DPI-1080: connection was closed by ORA-03113)",
        );
        check(1010, "DPI-1010: not connected", FaultClass::Unreachable, "was lost");
        check(
            1044,
            "DPI-1044: value cannot be represented as an Oracle number",
            FaultClass::Rejected,
            "cannot be represented",
        );
    }
}
