// SPDX-License-Identifier: MIT
//! `keys`: who may sign what.

use serde_json::{Value, json};
use vsekai_formats::release::Slug;
use vsekai_publish::ceremony::{adopt_root, generate_key};
use vsekai_publish::{KeyChange, NewKey, Signing, begin_title, change_keys, title_keys};
use vsekai_trust::publisher::{KeyFolder, KeyId, PublicKey, id_digits, id_start};

use super::publish::destination;
use super::{Context, Finish};
use crate::args::{GlobalArgs, KeysArgs, KeysCommand};
use crate::error::CliError;
use crate::{options, passphrase};

/// Shows or changes the keys of a title.
pub(super) async fn run(context: &Context, global: &GlobalArgs, args: KeysArgs) -> Result<Finish, CliError> {
    let title = options::title(global)?;
    let folder = options::key_folder(&args.signing, &title, &context.surroundings)?;
    let keys = KeyFolder::new(&folder);
    match &args.command {
        KeysCommand::Show => return show(context, global, &args, &keys, &title).await,
        KeysCommand::Generate { role } => {
            let secret = new_passphrase(context, &args)?;
            let key =
                generate_key(&keys, role, secret.as_ref()).map_err(vsekai_publish::PublishError::from)?;
            return told(context, &title, &[key]);
        }
        KeysCommand::ExportRoot { file } => return export_root(context, &keys, file),
        KeysCommand::FetchRoot => {
            let server = destination(context, global, &args.token)?;
            let fingerprint = adopt_root(&server, &keys, &title).await?;
            context
                .output
                .line(&format!("The root of {title} is {fingerprint}"));
            context
                .output
                .line("Compare that with what the title's owner tells you; nothing else vouches for it");
            return Finish::ok(&json!({ "fingerprint": fingerprint }));
        }
        _ => {}
    }
    let server = destination(context, global, &args.token)?;
    let signing = passphrase::signing(folder, &args.signing, &context.surroundings)?;
    let secret = match makes_keys(&args.command) {
        true => new_passphrase(context, &args)?,
        false => None,
    };
    let made = match change(&args.command) {
        None => {
            let channels = channels(&args.command, global)?;
            begin_title(&server, &signing, &title, &channels, secret.as_ref()).await?
        }
        Some(change) => change_keys(&server, &signing, &title, &change, secret.as_ref()).await?,
    };
    if matches!(args.command, KeysCommand::Init { .. }) {
        tell_beginning(context, &signing, &title);
    } else {
        context.output.line(&format!("The keys of {title} are changed"));
    }
    told(context, &title, &made)
}

fn new_passphrase(
    context: &Context,
    args: &KeysArgs,
) -> Result<Option<vsekai_trust::publisher::Passphrase>, CliError> {
    passphrase::for_new_keys(&args.signing, args.no_passphrase, &context.surroundings)
}

fn makes_keys(command: &KeysCommand) -> bool {
    match command {
        KeysCommand::Init { .. } | KeysCommand::Delegate { .. } => true,
        KeysCommand::Rotate { role, .. } => *role != vsekai_trust::publisher::KeyRole::Online,
        KeysCommand::Add { public, .. } => public.is_none(),
        _ => false,
    }
}

/// Returns the change that is asked for; none for the ceremony that begins a title.
fn change(command: &KeysCommand) -> Option<KeyChange> {
    Some(match command.clone() {
        KeysCommand::Rotate { role, key } => KeyChange::Rotate { role, old: key },
        KeysCommand::Threshold { role, count } => KeyChange::Threshold {
            role,
            threshold: u64::from(count),
        },
        KeysCommand::Add { role, public } => KeyChange::Add { role, public },
        KeysCommand::Remove { role, key } => KeyChange::Remove { role, key },
        KeysCommand::Delegate { channel } => KeyChange::Delegate { channel },
        KeysCommand::Renew { role } => KeyChange::Renew { role },
        _ => return None,
    })
}

fn channels(command: &KeysCommand, global: &GlobalArgs) -> Result<Vec<Slug>, CliError> {
    match command {
        KeysCommand::Init { channels } if !channels.is_empty() => Ok(channels.clone()),
        _ => Ok(vec![options::channel(global)?]),
    }
}

fn tell_beginning(context: &Context, signing: &Signing, title: &Slug) {
    context.lines([
        format!(
            "{title} has begun; its keys are in {}",
            signing.keys.path().display()
        ),
        format!(
            "  players have to know {}: export it into the launcher",
            signing.keys.root_file().display()
        ),
        "  keep root-*.pem and targets-*.pem off this machine, with a copy in another place".to_owned(),
    ]);
}

fn told(context: &Context, title: &Slug, made: &[NewKey]) -> Result<Finish, CliError> {
    let keys: Vec<Value> = made
        .iter()
        .map(|key| {
            let file = key.file.as_ref().map(|file| file.path.display().to_string());
            let place = file.clone().unwrap_or_else(|| "held elsewhere".to_owned());
            context
                .output
                .line(&format!("  {:<12} {}  {place}", key.role.to_string(), key.public));
            json!({
                "role": key.role.to_string(),
                "id": id_digits(&key.public.id()),
                "public": key.public.to_string(),
                "file": file,
            })
        })
        .collect();
    Finish::ok(&json!({ "title": title, "keys": keys }))
}

async fn show(
    context: &Context,
    global: &GlobalArgs,
    args: &KeysArgs,
    keys: &KeyFolder,
    title: &Slug,
) -> Result<Finish, CliError> {
    let server = destination(context, global, &args.token)?;
    let found = title_keys(&server, keys, title).await?;
    let here = keys.list().map_err(vsekai_publish::PublishError::from)?;
    let has = |id: &KeyId| here.iter().any(|file| file.id_start == id_start(id));
    context
        .output
        .line(&format!("{title}, root {}", found.root_version));
    let mut roles = Vec::new();
    for role in &found.roles {
        let summary = &role.summary;
        let ends = role
            .expires
            .map_or_else(String::new, |ends| format!(", until {ends}"));
        context.output.line(&format!(
            "{:<12} {} of {}{ends}",
            summary.role.to_string(),
            summary.threshold,
            summary.keys.len()
        ));
        for (id, public) in &summary.keys {
            let mark = if has(id) { "*" } else { " " };
            let public = public.map_or_else(|| "of another kind".to_owned(), |key| key.to_string());
            context
                .output
                .line(&format!("  {mark} {}  {public}", id_start(id)));
        }
        roles.push(json!({
            "role": summary.role.to_string(),
            "threshold": summary.threshold,
            "version": role.version,
            "expires": role.expires.map(|ends| ends.to_string()),
            "keys": summary.keys.iter().map(|(id, public)| key_value(id, *public, has(id))).collect::<Vec<_>>(),
        }));
    }
    Finish::ok(&json!({ "title": title, "root_version": found.root_version, "roles": roles }))
}

fn key_value(id: &KeyId, public: Option<PublicKey>, here: bool) -> Value {
    json!({
        "id": id_digits(id),
        "public": public.map(|key| key.to_string()),
        "here": here,
    })
}

fn export_root(context: &Context, keys: &KeyFolder, file: &std::path::Path) -> Result<Finish, CliError> {
    let root = keys.root_file();
    let failed = |error: std::io::Error| {
        CliError::usage(format!("cannot export the root: {error}"))
            .with_hint("Begin the title with: vsekai keys init")
    };
    fs_err::copy(&root, file).map_err(failed)?;
    context
        .output
        .line(&format!("{} is the root for players", file.display()));
    Finish::ok(&json!({ "file": file.display().to_string() }))
}
