//! What Oracle's own client takes as the address of a database: a descriptor, an alias of tnsnames.ora, or an easy
//! connect text. Held against the mistakes that its client would answer with a number; and reduced to what it names, so
//! that two ways of writing one database are one. Never repeats a text.

/// What a login before the address is answered with.
pub(super) const LOGIN: &str = "holds a login (what stands before the @); write it as \"user\" and \"password\", and leave here what follows \
                                           the @";
const PASSWORD: &str = "holds a password; this text is shown in messages: write the login as \"user\" and \"password\", and keep a \
                        wallet's password out of it (an auto-login wallet needs none)";
const EMPTY: &str =
    "must be a connect descriptor in parentheses, an alias of tnsnames.ora or //host:port/service";
const UNBALANCED: &str =
    "has parentheses that do not match: each ( needs its ), and nothing follows the last one";
const NO_DESCRIPTOR: &str =
    "begins with a parenthesis, but is no connect descriptor; that begins with (DESCRIPTION=";
const NAMED: &str = "begins with an alias; write what follows its first = alone, from (DESCRIPTION= on, or the alias alone where \
                     tnsnames.ora has it";

/// The text as Oracle's client is given it, on one line.
pub(super) fn read(written: &str) -> Result<String, &'static str> {
    // A descriptor is often copied from tnsnames.ora, with its line breaks.
    let text = written.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() || text.contains(char::is_control) {
        return Err(EMPTY);
    }
    let before_options = text.split(['(', '?']).next().unwrap_or_default();
    if before_options.contains('@') {
        return Err(LOGIN);
    }
    let packed = without_spaces(&text).to_ascii_lowercase();
    if packed.contains("password=") {
        return Err(PASSWORD);
    }
    if text.starts_with('(') {
        if !is_balanced(&text) {
            return Err(UNBALANCED);
        }
        return if packed.starts_with("(description") { Ok(text) } else { Err(NO_DESCRIPTOR) };
    }
    match text.split_once('(') {
        Some((before, _)) if before.trim_end().ends_with('=') => Err(NAMED),
        Some(_) => Err(UNBALANCED),
        None if before_options.contains([' ', ';', '=', ')']) => Err(EMPTY),
        None => Ok(text),
    }
}

/// What a text that was [`read`] names, in one spelling: `NAME on host:port` where it is as simple as that, else the text
/// itself without its spaces.
pub(in crate::config) fn named(text: &str) -> String {
    let packed = without_spaces(text);
    let simple = if packed.starts_with('(') { of_descriptor(&packed) } else { of_easy_connect(&packed) };
    simple.unwrap_or(packed)
}

/// Of a descriptor with one address alone.
fn of_descriptor(packed: &str) -> Option<String> {
    let lower = packed.to_ascii_lowercase();
    let value = |key: &str| {
        let start = format!("({key}=");
        let mut found = lower.match_indices(start.as_str());
        let (at, _) = found.next()?;
        if found.next().is_some() {
            return None;
        }
        lower.get(at + start.len()..)?.split(')').next().filter(|value| !value.contains(['(', '"', '\'']))
    };
    let ((Some(name), None) | (None, Some(name))) = (value("service_name"), value("sid")) else {
        return None;
    };
    Some(format!("{name} on {}:{}", value("host")?, value("port")?))
}

/// Of `//host:port/service`.
fn of_easy_connect(packed: &str) -> Option<String> {
    let rest = packed.strip_prefix("tcps://").or_else(|| packed.strip_prefix("tcp://")).unwrap_or(packed);
    let rest = rest.split('?').next()?;
    let (place, name) = rest.strip_prefix("//").unwrap_or(rest).split_once('/')?;
    let name = name.split([':', '/']).next().filter(|name| !name.is_empty())?;
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port),
        _ => (place, "1521"),
    };
    (!host.is_empty() && !host.contains(',')).then(|| format!("{name} on {host}:{port}"))
}

fn without_spaces(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Whether its one outermost pair of parentheses is the whole text, and all within it match. What stands in quotes counts
/// for nothing.
fn is_balanced(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut quoted = None;
    let mut closed = false;
    for c in text.chars() {
        if closed {
            return false;
        }
        match (quoted, c) {
            (Some(quote), _) => quoted = (c != quote).then_some(quote),
            (None, '"' | '\'') => quoted = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => {
                let Some(less) = depth.checked_sub(1) else { return false };
                depth = less;
                closed = depth == 0;
            }
            _ => {}
        }
    }
    closed && quoted.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "(DESCRIPTION = (ADDRESS = (PROTOCOL = TCP)(HOST = Db)(PORT = 1521)) (CONNECT_DATA = (SERVER = DEDICATED) \
                        (SERVICE_NAME = HIS)))";

    #[test]
    fn a_connect_string_is_held_against_common_mistakes() {
        let check = |text: &str, expected: Result<&str, &str>| match (read(text), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(words), Err(part)) => assert!(words.contains(part), "{text}: {words}"),
            (got, _) => panic!("{text}: {got:?}"),
        };
        check("//db:1521/HIS", Ok("//db:1521/HIS"));
        check(" HISPROD ", Ok("HISPROD"));
        check("his.world", Ok("his.world"));
        check(
            "tcps://db:2484/HIS?wallet_location=/w&ssl_server_dn_match=on",
            Ok("tcps://db:2484/HIS?wallet_location=/w&ssl_server_dn_match=on"),
        );
        check("(DESCRIPTION=\n  (ADDRESS=(HOST=db))\n)", Ok("(DESCRIPTION= (ADDRESS=(HOST=db)) )"));
        check(LONG, Ok(LONG));
        check(
            "(DESCRIPTION_LIST=(DESCRIPTION=(X=\"a)\")))",
            Ok("(DESCRIPTION_LIST=(DESCRIPTION=(X=\"a)\")))"),
        );
        check("", Err("must be a connect descriptor"));
        check("two words", Err("must be a connect descriptor"));
        check("a\u{1}b", Err("must be a connect descriptor"));
        check("his/hunter2@//db/HIS", Err("holds a login"));
        check("his/hunter2@(DESCRIPTION=(ADDRESS=(HOST=db)))", Err("holds a login"));
        check("(DESCRIPTION=(SECURITY=(WALLET_PASSWORD = hunter2)))", Err("holds a password"));
        check("tcps://db/HIS?wallet_password=hunter2", Err("holds a password"));
        check("(DESCRIPTION=(ADDRESS=(HOST=db))", Err("do not match"));
        check("(DESCRIPTION=(HOST=db)))", Err("do not match"));
        check("(DESCRIPTION=(HOST=db)) x", Err("do not match"));
        check("(DESCRIPTION=(X=\"a))", Err("do not match"));
        check("db(1521)", Err("do not match"));
        check("(ADDRESS=(HOST=db))", Err("(DESCRIPTION="));
        check("HIS = (DESCRIPTION=(HOST=db))", Err("begins with an alias"));
    }

    #[test]
    fn one_database_has_one_name_however_it_is_written() {
        let check = |text: &str, expected: &str| assert_eq!(named(text).to_lowercase(), expected, "{text}");
        check(LONG, "his on db:1521");
        check("//DB:1521/his", "his on db:1521");
        check("db/HIS", "his on db:1521");
        check("tcps://db:2484/HIS:dedicated?x=y", "his on db:2484");
        check("(DESCRIPTION=(ADDRESS=(HOST=db)(PORT=1521))(CONNECT_DATA=(SID=HIS)))", "his on db:1521");
        check("HISPROD", "hisprod");
        check(
            "(DESCRIPTION=(ADDRESS=(HOST=a)(PORT=1)) (ADDRESS=(HOST=b)(PORT=1))(CONNECT_DATA=(SERVICE_NAME=HIS)))",
            "(description=(address=(host=a)(port=1))(address=(host=b)(port=1))(connect_data=(service_name=his)))",
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[()=@/:?a-zA-Z \"'\\\\.,-]{0,30}|\\PC{0,12}") {
            drop(read(&text));
            named(&text);
        }
    }
}
