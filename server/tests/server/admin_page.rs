// SPDX-License-Identifier: MIT
//! The admin page: who gets in, what their session allows, and that nobody else's page can use it.

use reqwest::header::{COOKIE, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, StatusCode};
use vsekai_server::db::now;

use crate::build::{Build, PLATFORM, TITLE};
use crate::client::{Client, TestServer, make_token};

/// A browser without scripts, that keeps one cookie and follows no redirects.
struct Browser {
    url: String,
    http: reqwest::Client,
    cookie: Option<String>,
}

impl Browser {
    fn at(url: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(Policy::none());
        Self {
            url: url.to_owned(),
            http: client.build().unwrap(),
            cookie: None,
        }
    }

    async fn logged_in(server: &TestServer, title: &str, verbs: &str) -> Self {
        let token = make_token(server.folder.path(), title, "*", verbs, None).await;
        let mut browser = Self::at(&server.running.url());
        let answer = browser.log_in(&token).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        browser
    }

    async fn log_in(&mut self, token: &str) -> Response {
        let answer = self.post("login", &[("token", token)]).send().await.unwrap();
        if let Some(cookie) = answer.headers().get(SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            self.cookie = Some(text.split(';').next().unwrap().to_owned());
        }
        answer
    }

    async fn get(&self, path: &str) -> Response {
        let request = self.http.get(format!("{}/admin/{path}", self.url));
        self.with_cookie(request).send().await.unwrap()
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let encoded = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)));
        let request = self.http.post(format!("{}/admin/{path}", self.url));
        self.with_cookie(request)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encoded.collect::<Vec<_>>().join("&"))
    }

    /// Sends a form of a page, with the secret that the page has in it.
    async fn submit(&self, path: &str, page: &str, fields: &[(&str, &str)]) -> Response {
        let page = self.page(page).await;
        let secret = between(&page, "name=\"form\" value=\"", "\"");
        let fields = [&[("form", secret.as_str())], fields].concat();
        self.post(path, &fields).send().await.unwrap()
    }

    fn with_cookie(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        }
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn between(text: &str, before: &str, after: &str) -> String {
    let rest = text
        .split(before)
        .nth(1)
        .unwrap_or_else(|| panic!("no {before:?} in {text}"));
    rest.split(after).next().unwrap().to_owned()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers[name].to_str().unwrap()
}

#[tokio::test]
async fn a_log_in_begins_a_session_that_only_this_browser_and_site_can_use() {
    let server = TestServer::start().await;
    let mut browser = Browser::at(&server.running.url());
    let token = server.client.token.clone();
    let answer = browser.log_in(&token).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(header(answer.headers(), "location"), "/admin/");
    let cookie = header(answer.headers(), "set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/admin", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    // Plain http here, so a cookie for https alone would never come back.
    assert!(!cookie.contains("Secure"), "{cookie}");
    let secret = token.rsplit('_').next().unwrap();
    assert!(!cookie.contains(secret));
    assert!(!browser.page("").await.contains(secret));
    server.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_with_tls_the_cookie_is_for_https_alone() {
    let server = TestServer::start().await;
    let browser = Browser::at(&server.running.url());
    let login = browser.post("login", &[("token", &server.client.token)]);
    let answer = login.header("x-forwarded-proto", "https").send().await.unwrap();
    assert!(header(answer.headers(), "set-cookie").ends_with("; Secure"));
    server.stop().await;
}

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_log_in() {
    let server = TestServer::start().await;
    let mut browser = Browser::at(&server.running.url());
    for path in ["", "titles/test-title", "tokens", "log", "storage?show=plan"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        assert_eq!(answer.headers()[LOCATION], "/admin/login");
    }
    let created = browser.post("tokens", &[("label", "mine")]).send().await.unwrap();
    assert_eq!(created.headers()[LOCATION], "/admin/login");
    browser.cookie = Some("vsekai_session=0123".to_owned());
    assert_eq!(browser.get("").await.headers()[LOCATION], "/admin/login?ended=1");
    server.stop().await;
}

#[tokio::test]
async fn wrong_tokens_are_refused_and_after_some_the_address_has_to_wait() {
    let server = TestServer::start().await;
    let expired = make_token(server.folder.path(), "*", "*", "*", Some(now() - 1)).await;
    let mut browser = Browser::at(&server.running.url());
    let mut last = StatusCode::OK;
    for number in 0..12 {
        let token = if number % 2 == 0 {
            expired.as_str()
        } else {
            "guess"
        };
        let answer = browser.log_in(token).await;
        last = answer.status();
        assert!(answer.headers().get(SET_COOKIE).is_none());
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let waiting = browser.log_in("guess").await;
    let seconds: u64 = header(waiting.headers(), "retry-after").parse().unwrap();
    assert!((1..=15 * 60).contains(&seconds), "{seconds}");
    let metrics = server
        .client
        .send(reqwest::Method::GET, "api/v1/metrics", "")
        .await;
    let metrics = metrics.text().await.unwrap();
    for line in [
        "problems_total{code=\"unauthorized\"} 10",
        "problems_total{code=\"too-many\"} 3",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    // The right one has to wait, too: otherwise waiting would tell which one is right.
    let right = server.client.token.clone();
    assert_eq!(
        browser.log_in(&right).await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    server.stop().await;
}

#[tokio::test]
async fn pages_run_no_scripts_load_nothing_foreign_and_are_not_kept() {
    let server = TestServer::start().await;
    let browser = Browser::logged_in(&server, "*", "*").await;
    for path in ["", "login", "tokens", "log", "storage", "nowhere"] {
        let answer = browser.get(path).await;
        let headers = answer.headers().clone();
        let policy = header(&headers, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(
            !policy.contains("unsafe") && !policy.contains("script-src"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"));
        assert_eq!(header(&headers, "x-content-type-options"), "nosniff");
        assert_eq!(header(&headers, "cache-control"), "no-store", "{path}");
        let page = answer.text().await.unwrap();
        assert!(!page.contains("<script") && !page.contains(" style="), "{path}");
        assert!(!page.contains("://"), "{path}: {page}");
    }
    server.stop().await;
}

#[tokio::test]
async fn forms_of_other_sites_and_sessions_change_nothing() {
    let server = TestServer::start().await;
    let browser = Browser::logged_in(&server, "*", "*").await;
    let other = Browser::logged_in(&server, "*", "*").await;
    let foreign = between(&other.page("tokens").await, "name=\"form\" value=\"", "\"");
    let own = between(&browser.page("tokens").await, "name=\"form\" value=\"", "\"");
    let form = |secret| {
        let fields = [
            ("form", secret),
            ("label", "x"),
            ("title", "*"),
            ("channel", "*"),
            ("verb", "publish"),
        ];
        browser.post("tokens", &fields)
    };
    for request in [
        form(""),
        form(&foreign),
        form(&own).header("sec-fetch-site", "cross-site"),
        form(&own).header("sec-fetch-site", "same-site"),
        form(&own).header(ORIGIN, "https://elsewhere.example"),
    ] {
        assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(
        browser.post("logout", &[]).send().await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(form(&own).send().await.unwrap().status(), StatusCode::CREATED);
    server.stop().await;
}

#[tokio::test]
async fn a_token_that_is_made_works_and_is_shown_once_and_can_be_revoked() {
    let server = TestServer::start().await;
    let browser = Browser::logged_in(&server, "*", "*").await;
    let label = "nightly <b>\"builds\"</b>";
    let fields = [
        ("label", label),
        ("title", TITLE),
        ("channel", "nightly"),
        ("verb", "publish"),
        ("days", ""),
    ];
    let answer = browser.submit("tokens", "tokens", &fields).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let page = answer.text().await.unwrap();
    let token = between(&page, "<code id=\"token\">", "</code>");
    let id = token.split('_').nth(1).unwrap().to_owned();
    let list = browser.page("tokens").await;
    assert!(list.contains(&id) && !list.contains(&token));
    assert!(
        list.contains("nightly &lt;b&gt;") && !list.contains("<b>"),
        "labels are escaped"
    );

    let client = Client::new(server.running.url(), token);
    let releases = format!("api/v1/titles/{TITLE}/releases");
    let asked = client.send(reqwest::Method::GET, &releases, "").await;
    assert_eq!(asked.status(), StatusCode::OK);
    let revoke = format!("tokens/{id}/revoke");
    let ended = browser.submit(&revoke, &revoke, &[]).await;
    assert_eq!(ended.status(), StatusCode::SEE_OTHER);
    let asked = client.send(reqwest::Method::GET, &releases, "").await;
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
    let log = browser.page("log").await;
    assert!(
        log.contains("token-create") && log.contains("token-revoke"),
        "{log}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_form_says_what_is_wrong_and_makes_no_token() {
    let server = TestServer::start().await;
    let browser = Browser::logged_in(&server, "*", "*").await;
    let before = browser.page("tokens").await.matches("<tr>").count();
    for (fields, words) in [
        (vec![("label", "x"), ("title", "*"), ("channel", "*")], "allows"),
        (
            vec![
                ("label", ""),
                ("title", "*"),
                ("channel", "*"),
                ("verb", "publish"),
            ],
            "label",
        ),
        (
            vec![
                ("label", "x"),
                ("title", "No Title"),
                ("channel", "*"),
                ("verb", "publish"),
            ],
            "title",
        ),
        (
            vec![("label", "x"), ("title", "*"), ("channel", "*"), ("verb", "rule")],
            "rule",
        ),
    ] {
        let answer = browser.submit("tokens", "tokens", &fields).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{fields:?}");
        let page = answer.text().await.unwrap();
        let problem = between(&page, "role=\"alert\">", "</p>");
        assert!(problem.contains(words), "{problem}");
    }
    assert_eq!(browser.page("tokens").await.matches("<tr>").count(), before);
    server.stop().await;
}

#[tokio::test]
async fn a_session_shows_what_its_token_allows_and_ends_with_it() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    let own = Browser::logged_in(&server, TITLE, "publish").await;
    assert!(own.page("").await.contains(TITLE));
    assert!(own.page(&format!("titles/{TITLE}")).await.contains("1.0.0"));
    for path in ["tokens", "log", "storage"] {
        assert_eq!(own.get(path).await.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let other = Browser::logged_in(&server, "other-title", "publish").await;
    assert!(!other.page("").await.contains(TITLE));
    let refused = other.get(&format!("titles/{TITLE}")).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);

    let admin = Browser::logged_in(&server, "*", "*").await;
    let id = between(&own.page("").await, "Token <code>", "</code>");
    let revoke = format!("tokens/{id}/revoke");
    admin.submit(&revoke, &revoke, &[]).await;
    assert_eq!(own.get("").await.headers()[LOCATION], "/admin/login?ended=1");
    let left = admin.submit("logout", "", &[]).await;
    assert!(header(left.headers(), "set-cookie").contains("Max-Age=0"));
    assert_eq!(admin.get("").await.status(), StatusCode::SEE_OTHER);
    server.stop().await;
}

#[tokio::test]
async fn a_release_shows_its_sizes_downloads_and_what_it_changes() {
    let server = TestServer::start().await;
    let (first, second) = (Build::new("1.0.0", 1, 1), Build::new("1.1.0", 2, 2));
    server.client.publish(&first, "stable").await;
    server.client.publish(&second, "stable").await;
    let index = format!("index/{TITLE}_1.1.0_{PLATFORM}.caidx");
    for _ in 0..3 {
        assert_eq!(server.client.get(&index).await.status(), StatusCode::OK);
    }
    let browser = Browser::logged_in(&server, "*", "*").await;
    let title = browser.page(&format!("titles/{TITLE}")).await;
    assert!(title.contains("<td class=\"number\">3</td>"), "{title}");
    let page = browser.page(&format!("titles/{TITLE}/{PLATFORM}/1.1.0")).await;
    // data/level.bin and the program differ, data/common.bin does not.
    for (row, files) in [("Added", 0), ("Changed", 2), ("Removed", 0), ("Same", 1)] {
        let found = between(
            &page,
            &format!("<th scope=\"row\">{row}</th><td class=\"number\">"),
            "</td>",
        );
        assert_eq!(found, files.to_string(), "{row}");
    }
    assert!(
        page.contains("data/level.bin") && page.contains("compared with 1.0.0"),
        "{page}"
    );
    let first = browser.page(&format!("titles/{TITLE}/{PLATFORM}/1.0.0")).await;
    assert!(first.contains("no earlier release"));
    // Figures outlive the server.
    let server = server.restart().await;
    let browser = Browser::logged_in(&server, "*", "*").await;
    let title = browser.page(&format!("titles/{TITLE}")).await;
    assert!(title.contains("<td class=\"number\">3</td>"), "{title}");
    server.stop().await;
}

#[tokio::test]
async fn a_page_that_is_not_there_is_the_last_one() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    let browser = Browser::logged_in(&server, "*", "*").await;
    for page in ["1", "18446744073709551615", "-1", "x"] {
        let title = browser.page(&format!("titles/{TITLE}?page={page}")).await;
        assert!(title.contains("1.0.0"), "{page}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_channel_is_made_private_after_a_question_and_its_releases_are_hidden_from_others() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("1.0.0", 1, 1), "beta").await;
    let browser = Browser::logged_in(&server, "*", "*").await;
    let title = format!("titles/{TITLE}");
    let readers = format!("{title}/channels/beta/readers");
    assert!(browser.page(&title).await.contains("everybody"));
    let question = browser.page(&readers).await;
    assert!(question.contains("Make beta private"), "{question}");
    let unasked = browser
        .post(&readers, &[("private", "yes")])
        .send()
        .await
        .unwrap();
    assert_eq!(unasked.status(), StatusCode::FORBIDDEN);
    let unsaid = browser.submit(&readers, &readers, &[]).await;
    assert_eq!(unsaid.status(), StatusCode::BAD_REQUEST);
    let made = browser.submit(&readers, &readers, &[("private", "yes")]).await;
    assert_eq!(made.status(), StatusCode::SEE_OTHER);
    let page = browser.page(&title).await;
    assert!(page.contains("with a token") && page.contains("1.0.0"), "{page}");
    assert!(browser.page("log").await.contains("channel-private"));

    let stranger = Browser::logged_in(&server, TITLE, "upload").await;
    let page = stranger.page(&title).await;
    assert!(page.contains("beta") && !page.contains("1.0.0"), "{page}");
    let release = format!("{title}/{PLATFORM}/1.0.0");
    assert_eq!(stranger.get(&release).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(stranger.get(&readers).await.status(), StatusCode::FORBIDDEN);

    let question = browser.page(&readers).await;
    assert!(question.contains("Make beta public"), "{question}");
    browser.submit(&readers, &readers, &[("private", "no")]).await;
    assert!(stranger.page(&title).await.contains("1.0.0"));
    server.stop().await;
}

#[tokio::test]
async fn promoting_and_withdrawing_are_prepared_as_commands_and_change_nothing() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    server.client.publish(&Build::new("1.1.0", 2, 2), "beta").await;
    let browser = Browser::logged_in(&server, "*", "*").await;
    let before = server.client.metadata().await;
    let page = format!("titles/{TITLE}/{PLATFORM}/1.1.0/prepare?what=promote&channel=stable");
    let promote = browser.page(&page).await;
    assert!(promote.contains("stable offers 1.0.0"), "{promote}");
    let command = between(&promote, "<pre class=\"command\"><code>", "</code>");
    let expected = format!(
        "vsekai channel promote 1.1.0 --title {TITLE} --channel stable --platform {PLATFORM} --server {}",
        server.running.url()
    );
    assert_eq!(command, expected);
    let page = format!("titles/{TITLE}/{PLATFORM}/1.0.0/prepare?what=withdraw&channel=stable");
    assert!(
        browser
            .page(&page)
            .await
            .contains("vsekai channel withdraw 1.0.0")
    );
    let page = format!("titles/{TITLE}/{PLATFORM}/1.0.0/prepare?what=destroy&channel=stable");
    assert_eq!(browser.get(&page).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(server.client.metadata().await, before);
    server.stop().await;
}

#[tokio::test]
async fn storage_is_measured_and_a_collection_is_shown_without_being_done() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    let browser = Browser::logged_in(&server, "*", "*").await;
    let sizes = browser.page("storage?show=sizes").await;
    assert!(
        sizes.contains("What is stored") && sizes.contains(TITLE),
        "{sizes}"
    );
    let plan = browser.page("storage?show=plan").await;
    assert!(
        plan.contains("0 releases") && plan.contains("Nothing was removed"),
        "{plan}"
    );
    assert!(server.fsck().await.dangling.is_empty());
    server.stop().await;
}
