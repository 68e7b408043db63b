// SPDX-License-Identifier: MIT
//! The admin page in a real browser: the way through it, and how it looks to everybody.

use fantoccini::Locator;
use fantoccini::elements::Element;
use serde_json::Value;
use vsekai_tests::browser::Browser;
use vsekai_tests::world::{TITLE, World, platform, vsekai};
use xtask::process;

/// Finds what hurts: fields without a name, texts that are hard to read, pages wider than the screen.
const AUDIT: &str = r#"
const problems = [];
const channel = value => { const c = value / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const rgb = text => text.match(/[\d.]+/g).map(Number);
const ground = element => {
	for (let at = element; at; at = at.parentElement) {
		const color = rgb(getComputedStyle(at).backgroundColor);
		if (color.length === 3 || color[3] > 0) return color;
	}
	return [255, 255, 255];
};
for (const element of document.querySelectorAll("a, p, th, td, dt, dd, h1, h2, label, legend, button, caption, code, footer, span")) {
	if (!element.textContent.trim() || element.closest(".unseen, .skip")) continue;
	const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))];
	const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
	if (contrast < 4.5) problems.push(`contrast ${contrast.toFixed(2)}: ${element.textContent.trim().slice(0, 40)}`);
}
for (const field of document.querySelectorAll("input:not([type=hidden]), select")) {
	if (!field.labels.length) problems.push(`no label: ${field.name}`);
}
for (const image of document.images) if (!image.hasAttribute("alt")) problems.push("a picture without words");
if (document.querySelectorAll("h1").length !== 1) problems.push("not one main heading");
if (!document.documentElement.lang) problems.push("no language");
const wide = document.documentElement.scrollWidth - window.innerWidth;
if (wide > 0) problems.push(`${wide} pixels too wide`);
if (document.scripts.length) problems.push("scripts");
return problems;
"#;

/// Looks at the page on a large and a small screen, light and dark.
async fn look(browser: &Browser, name: &str) {
    for scheme in ["light", "dark"] {
        for (width, height) in [(1280, 800), (400, 800)] {
            browser.set_screen(width, height, scheme).await;
            let problems = browser.page.execute(AUDIT, Vec::new()).await.unwrap();
            let found = format!("{name}, {scheme}, {width} wide: {problems}");
            assert_eq!(problems, Value::Array(Vec::new()), "{found}");
            browser.keep_picture(&format!("{name}-{scheme}-{width}")).await;
        }
    }
    browser.set_screen(1280, 800, "light").await;
}

/// Waits until the page has an element: a page that was asked for may still be on its way.
async fn find(browser: &Browser, locator: Locator<'_>) -> Element {
    let found = browser.page.wait().for_element(locator).await;
    found.unwrap_or_else(|error| panic!("{locator:?}: {error}"))
}

async fn heading(browser: &Browser, words: &str) {
    find(
        browser,
        Locator::XPath(&format!("//h1[normalize-space()='{words}']")),
    )
    .await;
}

async fn click(browser: &Browser, words: &str) {
    find(browser, Locator::LinkText(words))
        .await
        .click()
        .await
        .unwrap();
}

async fn press(browser: &Browser, words: &str) {
    let path = format!("//main//button[normalize-space()='{words}']");
    find(browser, Locator::XPath(&path)).await.click().await.unwrap();
}

async fn text(browser: &Browser, selector: &str) -> String {
    find(browser, Locator::Css(selector)).await.text().await.unwrap()
}

async fn fill(browser: &Browser, id: &str, value: &str) {
    let field = find(browser, Locator::Id(id)).await;
    field.clear().await.unwrap();
    field.send_keys(value).await.unwrap();
}

/// Logs in with the server's token, and returns its address.
async fn log_in(browser: &Browser, world: &World) -> String {
    let address = world.server().address().trim_end_matches('/').to_owned();
    let page = format!("{address}/admin/login");
    browser.page.goto(&page).await.unwrap();
    fill(browser, "token", &world.server().token().unwrap()).await;
    press(browser, "Log in").await;
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_finds_the_way_from_the_log_in_to_a_promoted_release() {
    let (world, _) = World::with_first_version();
    world.make_build(2);
    let Some(browser) = Browser::start().await else {
        return;
    };
    let address = world.server().address().trim_end_matches('/').to_owned();
    browser.page.goto(&format!("{address}/admin/")).await.unwrap();
    heading(&browser, "Log in").await;
    look(&browser, "login").await;
    // The field has the focus, so typing is enough.
    let field = browser.page.active_element().await.unwrap();
    field.send_keys("vsekai_wrong\u{e007}").await.unwrap();
    assert!(text(&browser, "[role=alert]").await.contains("not good"));
    fill(&browser, "token", &world.server().token().unwrap()).await;
    press(&browser, "Log in").await;
    heading(&browser, "Titles").await;
    look(&browser, "titles").await;
    click(&browser, TITLE).await;
    heading(&browser, TITLE).await;
    look(&browser, "title").await;
    click(&browser, "2.0.0").await;
    heading(&browser, &format!("{TITLE} 2.0.0 for {}", platform())).await;
    look(&browser, "release").await;

    let channel = find(&browser, Locator::Id("channel")).await;
    channel.select_by_label("beta").await.unwrap();
    press(&browser, "Show the command").await;
    heading(&browser, "Promote 2.0.0 to beta").await;
    look(&browser, "prepared").await;
    let command = text(&browser, "pre.command").await;
    let words: Vec<&str> = command.split_whitespace().collect();
    assert_eq!(words[0], "vsekai");
    let mut promote = vsekai();
    promote.args(&words[1..]).arg("--keys").arg(world.server().keys());
    promote.env("VSEKAI_TOKEN", world.server().token().unwrap());
    process::read(&mut promote).unwrap();
    click(&browser, "Back to the release").await;
    heading(&browser, &format!("{TITLE} 2.0.0 for {}", platform())).await;
    assert!(text(&browser, "dl").await.contains("beta, stable"));

    click(&browser, "Log").await;
    heading(&browser, "Log").await;
    assert!(text(&browser, "tbody").await.contains("promote"));
    look(&browser, "log").await;
    click(&browser, "Storage").await;
    press(&browser, "Show what would be collected").await;
    assert!(text(&browser, "[role=status]").await.contains("0 releases"));
    press(&browser, "Measure what is stored").await;
    find(&browser, Locator::XPath("//h2[.='What is stored']")).await;
    look(&browser, "storage").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_makes_a_token_and_revokes_it() {
    let world = World::new();
    let Some(browser) = Browser::start().await else {
        return;
    };
    log_in(&browser, &world).await;
    click(&browser, "Tokens").await;
    heading(&browser, "Tokens").await;
    look(&browser, "tokens").await;
    fill(&browser, "label", "nightly builds").await;
    fill(&browser, "channel", "nightly").await;
    press(&browser, "Make the token").await;
    let token = text(&browser, "#token").await;
    assert!(token.starts_with("vsekai_"), "{token}");
    assert!(
        !browser
            .page
            .current_url()
            .await
            .unwrap()
            .as_str()
            .contains(&token)
    );
    look(&browser, "new-token").await;
    click(&browser, "To the list").await;
    heading(&browser, "Tokens").await;
    let id = token.split('_').nth(1).unwrap();
    let path = format!("a[href$='{id}/revoke']");
    find(&browser, Locator::Css(&path)).await.click().await.unwrap();
    heading(&browser, "Revoke a token").await;
    look(&browser, "revoke").await;
    press(&browser, "Revoke it").await;
    heading(&browser, "Tokens").await;
    let rows = text(&browser, "tbody").await;
    let row = rows.lines().find(|row| row.contains(id)).unwrap();
    assert!(row.contains("revoked"), "{row}");
    // Nothing but our own pages was asked for, and no script could be run.
    let cookie = browser.page.get_named_cookie("vsekai_session").await.unwrap();
    assert_eq!((cookie.http_only(), cookie.path()), (Some(true), Some("/admin")));
    let button = find(&browser, Locator::Css(".logout button")).await;
    button.click().await.unwrap();
    heading(&browser, "Log in").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_makes_a_channel_private_after_a_question() {
    let (world, _) = World::with_first_version();
    let Some(browser) = Browser::start().await else {
        return;
    };
    let address = log_in(&browser, &world).await;
    click(&browser, TITLE).await;
    heading(&browser, TITLE).await;
    let change = Locator::Css("a[href$='/channels/beta/readers']");
    find(&browser, change).await.click().await.unwrap();
    heading(&browser, "Make beta private").await;
    look(&browser, "make-private").await;
    press(&browser, "Make beta private").await;
    heading(&browser, TITLE).await;
    assert!(text(&browser, "tbody").await.contains("with a token"));
    look(&browser, "title-private").await;
    let role = format!("{address}/titles/{TITLE}/tuf/1.beta.json");
    browser.page.goto(&role).await.unwrap();
    assert!(text(&browser, "body").await.contains("a valid token is needed"));
    browser.close().await;
}
