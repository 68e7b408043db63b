// SPDX-License-Identifier: MIT
//! `GET docs`: the description of the API as a page, without scripts and without anything from elsewhere.

use std::sync::LazyLock;

use maud::{DOCTYPE, Markup, html};
use poem::http::header;
use poem::{Response, handler};
use serde_json::{Map, Value};

use super::describe::DESCRIPTION;

/// Shows the description of the API.
#[utoipa::path(
    get, path = "/docs", tag = "running",
    responses((status = 200, description = "A page", content_type = "text/html", body = String)),
)]
#[handler]
pub async fn get_docs() -> Response {
    answer("text/html; charset=utf-8", &PAGE)
}

/// The style of the page.
#[utoipa::path(
    get, path = "/docs/style.css", tag = "running",
    responses((status = 200, description = "A style sheet", content_type = "text/css", body = String)),
)]
#[handler]
pub async fn get_style() -> Response {
    answer("text/css; charset=utf-8", include_str!("docs.css"))
}

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let document = serde_json::to_value(&*DESCRIPTION).unwrap_or_default();
    page(&document).into_string()
});

fn answer(media_type: &'static str, text: &'static str) -> Response {
    Response::builder()
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer")
        .body(text)
}

fn page(document: &Value) -> Markup {
    let title = text(&document["info"]["title"]);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                link rel="stylesheet" href="docs/style.css";
            }
            body {
                main {
                    h1 { (title) }
                    p { (text(&document["info"]["description"])) }
                    p { a href="api/v1/openapi.json" { "The description for programs (OpenAPI)" } }
                    @for tag in items(&document["tags"]) {
                        h2 { (text(&tag["name"])) }
                        p { (text(&tag["description"])) }
                        @for (path, methods) in members(&document["paths"]) {
                            @for (method, operation) in members(methods) {
                                @if operation["tags"][0] == tag["name"] {
                                    (section(path, method, operation))
                                }
                            }
                        }
                    }
                    h2 { "Schemas" }
                    @for (name, schema) in members(&document["components"]["schemas"]) {
                        section id=(name) {
                            h3 { (name) }
                            pre { code { (serde_json::to_string_pretty(schema).unwrap_or_default()) } }
                        }
                    }
                }
            }
        }
    }
}

fn section(path: &str, method: &str, operation: &Value) -> Markup {
    let verbs = items(&operation["security"]).flat_map(|security| items(&security["token"]));
    let verbs: Vec<&str> = verbs.map(text).collect();
    let is_optional = items(&operation["security"]).any(|security| members(security).next().is_none());
    let parameters = items(&operation["parameters"]).map(|parameter| {
        let name = format!("{} ({})", text(&parameter["name"]), text(&parameter["in"]));
        (name, html! { (text(&parameter["description"])) })
    });
    let bodies = members(&operation["requestBody"]["content"]);
    let bodies = bodies.map(|(kind, content)| (kind.clone(), schema(content)));
    let answers = members(&operation["responses"]).map(|(status, response)| {
        let meaning = html! {
            (text(&response["description"]))
            @for (kind, content) in members(&response["content"]) {
                br;
                (kind) " " (schema(content))
            }
        };
        (status.clone(), meaning)
    });
    html! {
        section {
            h3 { code { (method.to_uppercase()) " " (path) } }
            p { (text(&operation["summary"])) }
            @if !verbs.is_empty() {
                p { (if is_optional { "May take a token for: " } else { "Takes a token for: " }) (verbs.join(" or ")) }
            }
            (table(["Parameter", "Meaning"], parameters))
            (table(["Body", "Content"], bodies))
            (table(["Status", "Answer"], answers))
        }
    }
}

/// Names the schema of a content, as a link to it where it has a name.
fn schema(content: &Value) -> Markup {
    let reference = text(&content["schema"]["$ref"]);
    let name = reference.rsplit('/').next().unwrap_or_default();
    html! {
        @if !name.is_empty() {
            a href={ "#" (name) } { (name) }
        }
    }
}

fn table([first, second]: [&str; 2], rows: impl Iterator<Item = (String, Markup)>) -> Markup {
    let mut rows = rows.peekable();
    html! {
        @if rows.peek().is_some() {
            table {
                tr {
                    th scope="col" { (first) }
                    th scope="col" { (second) }
                }
                @for (name, meaning) in rows {
                    tr {
                        th scope="row" { code { (name) } }
                        td { (meaning) }
                    }
                }
            }
        }
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Nothing may be loaded but the style next to the page, and nobody may put the page into another one.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
