//! The type of a request's content: JSON in UTF-8 and nothing else. Never looks at the content itself.

use hyper::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue},
};

use crate::http::reply::Problem;

/// JSON in UTF-8, not compressed. No content type at all is taken as that.
pub(super) fn check_content(headers: &HeaderMap) -> Result<(), Problem> {
    let unsupported = |message| Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    for value in headers.get_all(CONTENT_TYPE) {
        match content_type(value) {
            Content::Json => {}
            Content::OtherCharset => {
                return unsupported("the Content-Type names another charset than utf-8; send UTF-8");
            }
            Content::Other => {
                return unsupported("the Content-Type is not JSON; send \"Content-Type: application/json\"");
            }
        }
    }
    let plain = |value: &HeaderValue| value.is_empty() || value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return unsupported("compressed bodies are not read; send the event without Content-Encoding");
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Json,
    OtherCharset,
    Other,
}

/// RFC 9110, section 8.3.1: `type/subtype` with `; name=value` after it; names and types in either case.
fn content_type(value: &HeaderValue) -> Content {
    let Ok(value) = value.to_str() else { return Content::Other };
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_json = match essence.split_once('/') {
        Some((kind, subtype)) => {
            essence == "application/json"
                || (!kind.is_empty() && subtype.len() > 5 && subtype.ends_with("+json"))
        }
        None => essence.is_empty(),
    };
    if !is_json {
        return Content::Other;
    }
    let other_charset = parts.filter_map(|part| part.split_once('=')).any(|(name, charset)| {
        let charset = charset.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("charset")
            && !["utf-8", "utf8"].iter().any(|utf8| charset.eq_ignore_ascii_case(utf8))
    });
    if other_charset { Content::OtherCharset } else { Content::Json }
}
