//! Functions on texts and numbers. It must never give an empty text for NULL.

use crate::ora::Ora;
use crate::plan::expr::varying;
use crate::plan::types::{Ex, NUMBER, TEXT, Ty};

pub(crate) fn text_function(name: &str, args: &[Ex]) -> Ora<Option<Ex>> {
    let shape = |e: &Ex| if matches!(e.ty, Ty::Clob { .. }) || e.ty.is_text() { varying(e.ty) } else { TEXT };
    let wide = |e: &Ex| match shape(e) {
        Ty::Varchar { national, .. } => Ty::Varchar { bytes: 4000, chars: 4000, national },
        other => other,
    };
    Ok(Some(match (name, args) {
        ("UPPER" | "LOWER" | "INITCAP" | "NLS_UPPER" | "NLS_LOWER", [a, ..]) => {
            Ex::new(format!("{}({})", name.trim_start_matches("NLS_"), a.text()?), shape(a))
        }
        ("SUBSTR" | "SUBSTRB", [a, p]) => {
            Ex::new(format!("ora.substr({}, {})", a.text()?, p.number()?), shape(a))
        }
        ("SUBSTR" | "SUBSTRB", [a, p, n]) => {
            Ex::new(format!("ora.substr({}, {}, {})", a.text()?, p.number()?, n.number()?), shape(a))
        }
        ("INSTR", [a, b, rest @ ..]) => {
            let mut list = vec![a.text()?, b.text()?];
            for r in rest {
                list.push(r.number()?);
            }
            Ex::new(format!("ora.instr({})", list.join(", ")), NUMBER)
        }
        ("LENGTH" | "LENGTHC" | "LENGTH2" | "LENGTH4", [a]) => {
            Ex::new(format!("length(ora.nz({}))::numeric", a.text()?), NUMBER)
        }
        ("LENGTHB", [a]) => Ex::new(format!("octet_length(ora.nz({}))::numeric", a.text()?), NUMBER),
        ("VSIZE", [a]) => Ex::new(format!("octet_length({})::numeric", a.text()?), NUMBER),
        ("LTRIM" | "RTRIM", [a]) => Ex::new(format!("ora.nz({name}({}, ' '))", a.text()?), shape(a)),
        ("LTRIM" | "RTRIM", [a, b]) => {
            Ex::new(format!("ora.nz({name}({}, {}))", a.text()?, b.text()?), shape(a))
        }
        ("LPAD" | "RPAD", [a, n]) => {
            Ex::new(format!("ora.nz({name}({}, ({})::int))", a.text()?, n.number()?), wide(a))
        }
        ("LPAD" | "RPAD", [a, n, b]) => {
            Ex::new(format!("ora.nz({name}({}, ({})::int, {}))", a.text()?, n.number()?, b.text()?), wide(a))
        }
        ("REPLACE", [a, b]) => {
            Ex::new(format!("ora.nz(replace({}, coalesce({}, ''), ''))", a.text()?, b.text()?), wide(a))
        }
        ("REPLACE", [a, b, c]) => {
            let sql = format!(
                "ora.nz(replace({}, coalesce({}, ''), coalesce({}, '')))",
                a.text()?,
                b.text()?,
                c.text()?
            );
            Ex::new(sql, wide(a))
        }
        ("TRANSLATE", [a, b, c]) => {
            Ex::new(format!("ora.nz(translate({}, {}, {}))", a.text()?, b.text()?, c.text()?), shape(a))
        }
        ("CONCAT", [a, b]) => Ex::new(format!("ora.cat({}, {})", a.text()?, b.text()?), TEXT),
        ("ASCII", [a]) => Ex::new(format!("ascii({})::numeric", a.text()?), NUMBER),
        ("CHR" | "NCHR", [a]) => Ex::new(format!("chr(({})::int)", a.number()?), Ty::varchar(4)),
        ("UNISTR", [a]) => Ex::new(a.text()?, Ty::Varchar { bytes: 4000, chars: 2000, national: true }),
        ("REGEXP_REPLACE", [a, b, rest @ ..]) => {
            let c = rest.first().map_or(Ok("''".to_owned()), Ex::text)?;
            Ex::new(
                format!("ora.nz(regexp_replace({}, {}, coalesce({c}, ''), 'g'))", a.text()?, b.text()?),
                wide(a),
            )
        }
        ("REGEXP_SUBSTR", [a, b, ..]) => {
            Ex::new(format!("substring({} from {})", a.text()?, b.text()?), shape(a))
        }
        ("TO_CLOB", [a]) => Ex::new(a.text()?, Ty::Clob { national: false }),
        ("TO_NCLOB", [a]) => Ex::new(a.text()?, Ty::Clob { national: true }),
        ("TO_NCHAR", [a]) => Ex::new(a.text()?, Ty::Varchar { bytes: 4000, chars: 2000, national: true }),
        _ => return Ok(None),
    }))
}

pub(crate) fn number_function(name: &str, args: &[Ex]) -> Ora<Option<Ex>> {
    Ok(Some(match (name, args) {
        ("ABS" | "CEIL" | "FLOOR" | "SIGN" | "SQRT" | "EXP" | "LN", [a]) => {
            Ex::new(format!("{name}({})", a.number()?), NUMBER)
        }
        ("POWER" | "LOG", [a, b]) => Ex::new(format!("{name}({}, {})", a.number()?, b.number()?), NUMBER),
        ("MOD", [a, b]) => {
            let (x, y) = (a.number()?, b.number()?);
            Ex::new(format!("(CASE WHEN {y} = 0 THEN {x} ELSE mod({x}, {y}) END)"), NUMBER)
        }
        ("ROUND" | "TRUNC", [a]) if !a.ty.is_time() => Ex::new(format!("{name}({})", a.number()?), NUMBER),
        ("ROUND" | "TRUNC", [a, n]) if !a.ty.is_time() => {
            Ex::new(format!("{name}({}, ({})::int)", a.number()?, n.number()?), NUMBER)
        }
        ("TO_NUMBER", [a]) => Ex::new(a.number()?, NUMBER),
        ("TO_NUMBER", [a, mask, ..]) => {
            let sql = format!(
                "to_number({}, replace(replace(upper({}), 'D', '.'), 'G', ','))",
                a.text()?,
                mask.text()?
            );
            Ex::new(sql, NUMBER)
        }
        ("TO_BINARY_DOUBLE", [a]) => Ex::new(a.double()?, Ty::BDouble),
        ("TO_BINARY_FLOAT", [a]) => Ex::new(format!("({})::float4", a.double()?), Ty::BFloat),
        ("BITAND", [a, b]) => {
            Ex::new(format!("(({})::bigint & ({})::bigint)::numeric", a.number()?, b.number()?), NUMBER)
        }
        _ => return Ok(None),
    }))
}
