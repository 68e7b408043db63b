// SPDX-License-Identifier: MIT
//! Who asks for a page: the session's cookie, and whether a form is ours.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use poem::http::{HeaderMap, HeaderName, header};
use poem::web::Data;
use poem::{Body, FromRequest, Request, RequestBody};

use super::AdminState;
use super::reply::Refusal;
use crate::admin::session::{LONGEST_SECONDS, Session};
use crate::admin::view::Viewer;
use crate::db::now;
use crate::http::body::Upload;
use crate::http::client_address;
use crate::limits::Limits;
use crate::service::token::Verb;
use crate::service::{Access, Service, ServiceError};

/// Somebody who is logged in.
#[derive(Debug)]
pub struct Visitor {
    /// What their token allows at this moment.
    pub access: Access,
    session: Session,
}

impl<'a> FromRequest<'a> for Visitor {
    /// Finds out who is logged in, with a token that is still good at this moment.
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let Data(service) = Data::<&Arc<Service>>::from_request_without_body(request).await?;
        let Data(state) = Data::<&Arc<AdminState>>::from_request_without_body(request).await?;
        let secret = cookie(request).ok_or(Refusal::LoggedOut { ended: false })?;
        let session = state.sessions.find(secret, now());
        let session = session.ok_or(Refusal::LoggedOut { ended: true })?;
        match service.authenticate(&session.token).await {
            Ok(access) => Ok(Self { access, session }),
            Err(ServiceError::Unauthorized) => {
                state.sessions.end(secret, now());
                Err(Refusal::LoggedOut { ended: true }.into())
            }
            Err(error) => Err(Refusal::from(error).into()),
        }
    }
}

impl Visitor {
    /// Returns them as pages need them.
    pub fn viewer(&self) -> Viewer<'_> {
        Viewer {
            token_id: self.session.token.id(),
            form_secret: self.session.form_secret.reveal(),
            is_admin: self.access.require_everywhere(Verb::Admin).is_ok(),
        }
    }

    /// Returns the fields of a form, if it is one of this session's.
    ///
    /// # Errors
    /// It is not, or it is too large.
    pub async fn form(&self, request: &Request, body: Body, service: &Service) -> Result<Form, ServiceError> {
        let form = read_form(request, body, service).await?;
        match self.session.form_secret.is(form.get("form")) {
            true => Ok(form),
            false => Err(foreign()),
        }
    }
}

/// The fields of a form.
#[derive(Debug, Default)]
pub struct Form(HashMap<String, Vec<String>>);

impl Form {
    /// Reads fields as browsers send them, in a body or behind a `?`.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut fields: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(bytes) {
            fields
                .entry(name.into_owned())
                .or_default()
                .push(value.into_owned());
        }
        Self(fields)
    }

    /// Reads the query of `request`.
    pub fn of_query(request: &Request) -> Self {
        Self::parse(request.uri().query().unwrap_or_default().as_bytes())
    }

    /// Returns a field without the space around it; empty if it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.all(name).first().map_or("", |value| value.trim())
    }

    /// Returns all fields of one name.
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Returns the fields of a form that one of our own pages sent.
///
/// # Errors
/// Another site's page sent it, or it is too large.
pub async fn read_form(request: &Request, body: Body, service: &Service) -> Result<Form, ServiceError> {
    if !is_from_our_page(request) {
        return Err(foreign());
    }
    let upload = Upload::new(body, "the form", MOST_FORM_BYTES, service.limits());
    Ok(Form::parse(&upload.read().await?))
}

/// Returns the `Set-Cookie` of a session that begins.
pub fn cookie_for(secret: &str, request: &Request) -> String {
    set_cookie(secret, LONGEST_SECONDS, request)
}

/// Returns the `Set-Cookie` that ends a session.
pub fn no_cookie(request: &Request) -> String {
    set_cookie("", 0, request)
}

/// Returns the secret in the session's cookie.
pub fn cookie(request: &Request) -> Option<&str> {
    let cookies = request.headers().get_all(header::COOKIE).iter();
    cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// Tells whether a token can be sent to us without others seeing it: over TLS, ours or a proxy's, or from this machine.
///
/// Whoever could forge the proxy's header would see the token anyway.
pub fn is_private(request: &Request, limits: &Limits) -> bool {
    is_encrypted(request) || is_at_this_machine(client_address::peer(request), request.headers(), limits)
}

/// Returns the server's base address as the browser knows it, to be shown in commands.
pub fn base_address(request: &Request) -> String {
    let host = text(request, &header::HOST).unwrap_or_default();
    // It is copied into shells, so nothing but what an address is made of.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    match !host.is_empty() && host.chars().all(is_plain) {
        true => format!(
            "{}://{host}",
            if is_encrypted(request) { "https" } else { "http" }
        ),
        false => "https://SERVER".to_owned(),
    }
}

fn set_cookie(secret: &str, seconds: i64, request: &Request) -> String {
    let secure = if is_encrypted(request) { "; Secure" } else { "" };
    format!("{COOKIE}={secret}; Path=/admin; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// A proxy on this machine is no browser on it, though it says nothing of encryption: it is known by being trusted, or
/// by what proxies add.
fn is_at_this_machine(peer: IpAddr, headers: &HeaderMap, limits: &Limits) -> bool {
    let is_forwarded = PROXY_HEADERS.iter().any(|name| headers.contains_key(name));
    peer.is_loopback() && !limits.trusts(peer) && !is_forwarded
}

fn is_encrypted(request: &Request) -> bool {
    let forwarded = text(request, &FORWARDED_PROTO);
    request.scheme().as_str() == "https" || forwarded == Some("https")
}

/// All browsers of today say where a request comes from; older ones name the origin of forms.
fn is_from_our_page(request: &Request) -> bool {
    if let Some(site) = text(request, &FETCH_SITE) {
        return site == "same-origin";
    }
    match text(request, &header::ORIGIN) {
        None => true,
        Some(origin) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == text(request, &header::HOST)
        }
    }
}

fn text<'a>(request: &'a Request, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

fn foreign() -> ServiceError {
    ServiceError::Forbidden(
        "this form was not sent by a page of your session; go back and load it anew".to_owned(),
    )
}

const COOKIE: &str = "vsekai_session";
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// What proxies add to requests, at least one of them.
const PROXY_HEADERS: [HeaderName; 5] = [
    FORWARDED_PROTO,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
    header::FORWARDED,
    header::VIA,
];
/// Forms have a handful of short fields.
const MOST_FORM_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.finish()
    }

    #[test]
    fn the_sessions_cookie_is_found_among_others() {
        let found = |text| cookie(&request(&[("cookie", text)])).map(str::to_owned);
        assert_eq!(found("a=b; vsekai_session=12; c=d").as_deref(), Some("12"));
        assert_eq!(found("vsekai_sessions=12"), None);
        assert_eq!(found("xvsekai_session=12"), None);
    }

    #[test]
    fn a_proxy_on_this_machine_is_not_taken_for_a_browser_on_it() {
        let (here, limits) = ("127.0.0.1".parse().unwrap(), Limits::default());
        assert!(is_at_this_machine(here, &HeaderMap::new(), &limits));
        for name in [
            "x-forwarded-proto",
            "x-forwarded-for",
            "x-real-ip",
            "forwarded",
            "via",
        ] {
            let forwarded = request(&[(name, "192.0.2.1")]);
            assert!(!is_at_this_machine(here, forwarded.headers(), &limits), "{name}");
        }
        let trusting = Limits {
            trust_proxies: vec!["127.0.0.0/8".parse().unwrap()],
            ..limits
        };
        assert!(!is_at_this_machine(here, &HeaderMap::new(), &trusting));
        let elsewhere = "192.0.2.1".parse().unwrap();
        assert!(!is_at_this_machine(
            elsewhere,
            &HeaderMap::new(),
            &Limits::default()
        ));
    }

    #[test]
    fn forms_of_other_sites_are_told_from_our_own() {
        for (headers, ours) in [
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("host", "a:1"), ("origin", "http://a:1")], true),
            (vec![("host", "a:1"), ("origin", "http://b:1")], false),
            (vec![("host", "a:1"), ("origin", "null")], false),
        ] {
            assert_eq!(is_from_our_page(&request(&headers)), ours, "{headers:?}");
        }
    }

    #[test]
    fn an_address_for_commands_holds_nothing_a_shell_understands() {
        let address = |host| base_address(&request(&[("host", host)]));
        assert_eq!(address("updates.example:8080"), "http://updates.example:8080");
        assert_eq!(address("a;rm"), "https://SERVER");
        assert_eq!(address("$(x)"), "https://SERVER");
    }
}
