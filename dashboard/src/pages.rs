//! The pages embedded in the binary: one app, whose paths all answer with its `index.html`.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::problem::{self, Problem};

#[derive(RustEmbed)]
#[folder = "web/dist/"]
struct Dist;

/// Scripts are loaded from this origin only. hls.js plays from blob URLs and runs a worker from
/// one; players fetch media from the edges and the page talks to the collector, both on loopback.
const POLICY: &str = "default-src 'self'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: http://127.0.0.1:*; \
    media-src 'self' blob: http://127.0.0.1:*; worker-src 'self' blob:; \
    connect-src 'self' ws://127.0.0.1:* ws://localhost:* http://127.0.0.1:* http://localhost:*; \
    object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/// Everything that no other route answers.
pub(crate) async fn page(method: Method, uri: Uri, asked: HeaderMap) -> Response {
    let path = uri.path();
    if path.starts_with("/v1/") {
        return problem::not_found(path).into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        let detail = format!("{path} is a page; use GET");
        let problem =
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Pages are only read", detail);
        return ([(header::ALLOW, "GET, HEAD")], problem).into_response();
    }
    let name = path.trim_start_matches('/');
    // A path without a suffix is a route of the app; any other path names a missing file.
    let is_route = !name.rsplit('/').next().is_some_and(|last| last.contains('.'));
    let routed = if is_route && Dist::get(name).is_none() { "index.html" } else { name };
    answer(routed, accepts_gzip(&asked)).unwrap_or_else(|| problem::not_found(path).into_response())
}

fn accepts_gzip(asked: &HeaderMap) -> bool {
    let all = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|q| q.parse().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight.unwrap_or(1.0_f32) > 0.0
    })
}

/// The file, in the compressed form that `scripts/web.sh` puts beside it if that is `accepted`.
fn answer(name: &str, accepted: bool) -> Option<Response> {
    let packed = Dist::get(&format!("{name}.gz"));
    let (varies, packed) = (packed.is_some(), packed.filter(|_| accepted));
    let is_packed = packed.is_some();
    let file = packed.or_else(|| Dist::get(name))?;
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    let mut kind = guess.essence_str().to_owned();
    if guess.type_() == "text" || kind == "application/json" {
        kind.push_str("; charset=utf-8");
    }
    // Vite puts a hash of the content into every name under assets/.
    let cache = if name.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut response = axum::body::Body::from(file.data).into_response();
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::try_from(kind) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    if varies {
        headers.insert(header::VARY, HeaderValue::from_name(header::ACCEPT_ENCODING));
    }
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    for (name, value) in [
        (header::CACHE_CONTROL, cache),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}
