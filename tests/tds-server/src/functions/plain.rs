//! Owns the functions of texts, numbers and dates that depend on nothing but their arguments.

use crate::functions::dates::dates;
use rusqlite::types::Value;

use crate::collation::CodePage;
use crate::convert::text_of;
use crate::decimal::Dec;
use crate::error::{SqlError, err, err_class, overflow};
use crate::types::SqlType;

pub(crate) type Outcome = Result<Value, SqlError>;

pub(crate) fn number(value: &Value) -> i64 {
    match value {
        Value::Integer(n) => *n,
        Value::Real(f) => *f as i64,
        other => Dec::parse(&text_of(other)).map_or(0, |d| d.truncate() as i64),
    }
}

/// A function by its name; NULL among the arguments gives NULL, but for CONCAT.
pub(crate) fn call(name: &str, args: &[Value], page: CodePage) -> Outcome {
    match name {
        "newid" => return Ok(Value::Text(new_id())),
        "rand" => return Ok(Value::Real(f64::from(random() as u32) / f64::from(u32::MAX))),
        "dbts" => return Ok(Value::Blob(vec![0, 0, 0, 0, 0, 0, 7, 0xd0])),
        "concat" => return Ok(Value::Text(args.iter().map(text_of).collect())),
        _ => {}
    }
    if args.iter().any(|a| matches!(a, Value::Null)) {
        return Ok(Value::Null);
    }
    match name {
        "abs" | "sign" | "ceiling" | "floor" | "round" => return arithmetic(name, args),
        "dateadd" | "datediff" | "datepart" | "datename" | "dateplus+" | "dateplus-" => {
            return dates(name, args);
        }
        _ => {}
    }
    texts(name, args, page)
}

fn texts(name: &str, args: &[Value], page: CodePage) -> Outcome {
    let text = text_of(&args[0]);
    let units = |t: &str| t.encode_utf16().collect::<Vec<u16>>();
    let cut = |t: &str, from: i64, length: i64| {
        let all = units(t);
        let end = (from + length).clamp(0, all.len() as i64) as usize;
        let start = from.clamp(0, end as i64) as usize;
        String::from_utf16_lossy(&all[start..end])
    };
    let n = |i: usize| args.get(i).map_or(0, number);
    Ok(match name {
        "len" => Value::Integer(units(text.trim_end_matches(' ')).len() as i64),
        "datalength" => Value::Integer(data_length(&args[0], SqlType::from_code(n(1)), page)),
        "upper" => Value::Text(text.to_uppercase()),
        "lower" => Value::Text(text.to_lowercase()),
        "ltrim" => Value::Text(text.trim_start_matches(' ').to_owned()),
        "rtrim" => Value::Text(text.trim_end_matches(' ').to_owned()),
        "trim" => Value::Text(text.trim_matches(' ').to_owned()),
        "reverse" => Value::Text(text.chars().rev().collect()),
        "ascii" => page.encode(&text).first().map_or(Value::Null, |b| Value::Integer(i64::from(*b))),
        "unicode" => units(&text).first().map_or(Value::Null, |u| Value::Integer(i64::from(*u))),
        "char" => u8::try_from(n(0)).map_or(Value::Null, |b| Value::Text(page.decode(&[b]))),
        "nchar" => u16::try_from(n(0)).map_or(Value::Null, |u| Value::Text(String::from_utf16_lossy(&[u]))),
        "space" => Value::Text(" ".repeat(n(0).clamp(0, 8000) as usize)),
        "replicate" => Value::Text(text.repeat(n(1).clamp(0, 8000) as usize)),
        "left" => {
            if n(1) < 0 {
                return Err(err(536, "Invalid length parameter passed to the LEFT function."));
            }
            Value::Text(cut(&text, 0, n(1)))
        }
        "right" => {
            if n(1) < 0 {
                return Err(err(536, "Invalid length parameter passed to the RIGHT function."));
            }
            let length = units(&text).len() as i64;
            Value::Text(cut(&text, (length - n(1)).max(0), n(1)))
        }
        "substring" => {
            if n(2) < 0 {
                return Err(err(537, "Invalid length parameter passed to the LEFT or SUBSTRING function."));
            }
            // What stands before the first place counts towards the length.
            Value::Text(cut(&text, n(1) - 1, n(2)))
        }
        "stuff" => {
            let (start, length) = (n(1) - 1, n(2));
            let total = units(&text).len() as i64;
            if start < 0 || start >= total || length < 0 {
                return Ok(Value::Null);
            }
            Value::Text(format!(
                "{}{}{}",
                cut(&text, 0, start),
                text_of(&args[3]),
                cut(&text, start + length, total)
            ))
        }
        _ => return more_texts(name, args, &text),
    })
}

/// The functions that look for something in a text, or put marks around it.
fn more_texts(name: &str, args: &[Value], text: &str) -> Outcome {
    let units = |t: &str| t.encode_utf16().collect::<Vec<u16>>();
    let n = |i: usize| args.get(i).map_or(0, number);
    Ok(match name {
        "charindex" => {
            let haystack = text_of(&args[1]);
            let fold = |t: &str| if n(3) != 0 { t.to_owned() } else { t.to_lowercase() };
            let (needle, haystack) = (units(&fold(text)), units(&fold(&haystack)));
            let from = (n(2) - 1).max(0) as usize;
            let found = (!needle.is_empty() && needle.len() <= haystack.len())
                .then(|| (from..=haystack.len() - needle.len()).find(|i| haystack[*i..].starts_with(&needle)))
                .flatten();
            Value::Integer(found.map_or(0, |i| i as i64 + 1))
        }
        "replace" => Value::Text(replace(text, &text_of(&args[1]), &text_of(&args[2]), n(3) != 0)),
        "quotename" => {
            if units(text).len() > 128 {
                return Ok(Value::Null);
            }
            let mark = args.get(1).map_or_else(|| "[".to_owned(), text_of);
            match mark.as_str() {
                "[" | "]" => Value::Text(format!("[{}]", text.replace(']', "]]"))),
                "'" => Value::Text(format!("'{}'", text.replace('\'', "''"))),
                "\"" => Value::Text(format!("\"{}\"", text.replace('"', "\"\""))),
                _ => Value::Null,
            }
        }
        "binplus" => match (&args[0], &args[1]) {
            (Value::Blob(a), Value::Blob(b)) => Value::Blob([a.as_slice(), b.as_slice()].concat()),
            _ => Value::Null,
        },
        "checksum" => Value::Integer(i64::from(
            text.bytes().fold(7i32, |n, b| n.wrapping_mul(31).wrapping_add(i32::from(b))),
        )),
        _ => {
            let message = format!("'{name}' is not a recognized built-in function name.");
            return Err(err_class(195, 15, 10, message));
        }
    })
}

fn data_length(value: &Value, ty: SqlType, page: CodePage) -> i64 {
    match value {
        Value::Blob(b) => b.len() as i64,
        Value::Text(t) if ty.is_national() => t.encode_utf16().count() as i64 * 2,
        Value::Text(t) if ty.is_text() => page.bytes(t) as i64,
        _ => ty.catalog_sizes().0,
    }
}

fn replace(text: &str, from: &str, to: &str, sensitive: bool) -> String {
    if from.is_empty() {
        return text.to_owned();
    }
    if sensitive {
        return text.replace(from, to);
    }
    let fold = |c: char| c.to_lowercase().next().unwrap_or(c);
    let needle: Vec<char> = from.chars().map(fold).collect();
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut i = 0;
    while i < chars.len() {
        if i + needle.len() <= chars.len()
            && chars[i..i + needle.len()].iter().copied().map(fold).eq(needle.iter().copied())
        {
            out.push_str(to);
            i += needle.len();
        } else {
            out.push(chars[i]);
            i += 1;
        }
    }
    out
}

fn arithmetic(name: &str, args: &[Value]) -> Outcome {
    let ty = SqlType::from_code(number(&args[1]));
    if let Value::Real(f) = args[0] {
        return Ok(Value::Real(match name {
            "abs" => f.abs(),
            "sign" => f.signum(),
            "ceiling" => f.ceil(),
            "floor" => f.floor(),
            _ => {
                let unit = 10f64.powi(args.get(2).map_or(0, number) as i32);
                (f * unit).round() / unit
            }
        }));
    }
    let large = || overflow("expression", ty.name());
    let dec = Dec::parse(&text_of(&args[0])).ok_or_else(large)?;
    let whole = dec.truncate();
    let unit = crate::decimal::ten(dec.scale);
    let result = match name {
        "abs" => Dec { value: dec.value.abs(), ..dec },
        "sign" => Dec { value: dec.value.signum(), scale: 0 },
        "ceiling" => Dec { value: whole + i128::from(dec.value > whole * unit), scale: 0 },
        "floor" => Dec { value: whole - i128::from(dec.value < whole * unit), scale: 0 },
        _ => {
            let digits = args.get(2).map_or(0, number);
            if digits >= 0 {
                let cut = args.get(3).is_some_and(|a| number(a) != 0);
                let target = (digits as u8).min(dec.scale);
                if cut {
                    Dec { value: dec.value / crate::decimal::ten(dec.scale - target), scale: target }
                } else {
                    dec.rescale(target).map_err(|_| large())?
                }
            } else {
                let step = crate::decimal::ten((-digits).min(38) as u8) * unit;
                let half = if dec.value < 0 { -step / 2 } else { step / 2 };
                Dec { value: (dec.value + half) / step * step, ..dec }
            }
        }
    };
    if ty.is_int() {
        let n = result.truncate();
        return if ty == SqlType::Int && i32::try_from(n).is_err() {
            Err(large())
        } else {
            Ok(Value::Integer(n as i64))
        };
    }
    let (p, s) = ty.digits();
    Ok(Value::Text(result.fit(p, s).map_err(|_| large())?.to_string()))
}

/// LIKE with `%`, `_`, `[a-z]` and `[^a]`.
pub(crate) fn like(text: &str, pattern: &str, escape: Option<char>, sensitive: bool) -> bool {
    let fold = |t: &str| if sensitive { t.to_owned() } else { t.to_lowercase() };
    let (text, pattern): (Vec<char>, Vec<char>) =
        (fold(text).chars().collect(), fold(pattern).chars().collect());
    let escape = escape.map(|e| if sensitive { e } else { e.to_lowercase().next().unwrap_or(e) });
    matches_like(&text, &pattern, escape) || {
        // Blanks at the end of the text do not count.
        let end = text.iter().rposition(|c| *c != ' ').map_or(0, |i| i + 1);
        end < text.len() && matches_like(&text[..end], &pattern, escape)
    }
}

fn matches_like(text: &[char], pattern: &[char], escape: Option<char>) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return text.is_empty() };
    if Some(*first) == escape
        && let Some((literal, rest)) = rest.split_first()
    {
        return text.first() == Some(literal) && matches_like(&text[1..], rest, escape);
    }
    match first {
        '%' => (0..=text.len()).any(|i| matches_like(&text[i..], rest, escape)),
        '_' => !text.is_empty() && matches_like(&text[1..], rest, escape),
        '[' if rest.contains(&']') => {
            let end = rest.iter().position(|c| *c == ']').unwrap_or(0);
            let (negated, set) = match rest[..end].split_first() {
                Some(('^', set)) => (true, set),
                _ => (false, &rest[..end]),
            };
            let Some(c) = text.first() else { return false };
            let mut found = false;
            let mut i = 0;
            while i < set.len() {
                if i + 2 < set.len() && set[i + 1] == '-' {
                    found |= (set[i]..=set[i + 2]).contains(c);
                    i += 3;
                } else {
                    found |= set[i] == *c;
                    i += 1;
                }
            }
            found != negated && matches_like(&text[1..], &rest[end + 1..], escape)
        }
        _ => text.first() == Some(first) && matches_like(&text[1..], rest, escape),
    }
}

fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

fn new_id() -> String {
    let bytes: Vec<u8> = [random().to_le_bytes(), random().to_le_bytes()].concat();
    let mut raw: [u8; 16] = bytes.try_into().unwrap_or([0; 16]);
    // Version 4.
    raw[7] = raw[7] & 0x0f | 0x40;
    raw[8] = raw[8] & 0x3f | 0x80;
    crate::convert::guid_text(raw)
}
