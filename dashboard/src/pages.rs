//! The pages embedded in the binary: one app, whose paths all answer with its `index.html`.

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
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
pub(crate) async fn page(method: Method, uri: Uri) -> Response {
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
    match Dist::get(name) {
        Some(file) => answer(name, file),
        // A path without a suffix is a route of the app; any other path names a missing file.
        None if !name.rsplit('/').next().is_some_and(|last| last.contains('.')) => {
            match Dist::get("index.html") {
                Some(file) => answer("index.html", file),
                None => problem::not_found(path).into_response(),
            }
        }
        None => problem::not_found(path).into_response(),
    }
}

fn answer(name: &str, file: rust_embed::EmbeddedFile) -> Response {
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
    for (name, value) in [
        (header::CACHE_CONTROL, cache),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
