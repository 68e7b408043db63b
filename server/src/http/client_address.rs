// SPDX-License-Identifier: MIT
//! Whose request it is: the address of the connection, or what a trusted proxy says.

use std::net::{IpAddr, Ipv4Addr};

use poem::Request;

use crate::limits::{ForwardedHeader, Limits};
use crate::rates::owner;

/// Returns the address at the other end of the connection that `request` came by.
pub(super) fn peer(request: &Request) -> IpAddr {
    let peer = request.remote_addr().as_socket_addr().map(|address| address.ip());
    // Only a request that came by no connection has none; all of those share one.
    peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical()
}

/// Returns the address that `request` is counted for.
pub(super) fn of(request: &Request, limits: &Limits) -> IpAddr {
    let lines = request.headers().get_all(limits.forwarded_header.name()).iter();
    let lines = lines.map(|line| line.to_str().unwrap_or_default());
    client_address(peer(request), lines, limits)
}

/// Returns the address that a request from `peer` is counted for; `lines` are those that it has of
/// [`Limits::forwarded_header`], in their order, empty where they are no text.
///
/// They are believed only if the connection comes from a proxy of [`Limits::trust_proxies`], and in them only what
/// such proxies wrote: they add to the end, so it is read from there, up to the first address that is not one of
/// theirs. Whatever stands before that, the client may have made up.
pub(super) fn client_address<'a>(
    peer: IpAddr,
    lines: impl DoubleEndedIterator<Item = &'a str>,
    limits: &Limits,
) -> IpAddr {
    if !limits.trusts(peer) {
        return owner(peer);
    }
    let mut client = peer;
    for hop in lines.rev().flat_map(|line| line.rsplit(',')).map(str::trim) {
        let named = match limits.forwarded_header {
            ForwardedHeader::XForwardedFor => Some(hop),
            ForwardedHeader::Forwarded => forwarded_for(hop),
        };
        // An address that cannot be read hides everything before it.
        let Some(address) = named.and_then(address) else {
            break;
        };
        client = address;
        if !limits.trusts(address) {
            break;
        }
    }
    owner(client)
}

/// Reads `for=` out of an element such as `for="[2001:db8::1]:4711";proto=https` (RFC 7239).
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then(|| value.trim().trim_matches('"'))
    })
}

/// Reads an address, with or without a port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let parsed = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let with_port = || {
        text.parse::<std::net::SocketAddr>()
            .ok()
            .map(|address| address.ip())
    };
    parsed.or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(header: ForwardedHeader) -> Limits {
        Limits {
            trust_proxies: vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            forwarded_header: header,
            ..Limits::default()
        }
    }

    /// Returns whom the router counts a request for, once it is known that the lane counts it for the same.
    fn seen(peer: &str, header: ForwardedHeader, lines: &[(&str, &str)]) -> String {
        let (peer, limits): (IpAddr, _) = (peer.parse().unwrap(), limits(header));
        let mut request = Request::builder();
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let request = request.finish();
        let told = request.headers().get_all(limits.forwarded_header.name()).iter();
        let told = told.map(|line| line.to_str().unwrap());
        let found = client_address(peer.to_canonical(), told, &limits);
        #[cfg(target_os = "linux")]
        assert_eq!(
            super::super::lane::tests::counted_for(peer, lines, &limits),
            found,
            "{lines:?}"
        );
        found.to_string()
    }

    #[test]
    fn what_a_stranger_says_about_itself_is_ignored() {
        let lines = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
        for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
            assert_eq!(seen("203.0.113.9", header, &lines), "203.0.113.9");
        }
    }

    #[test]
    fn a_trusted_proxy_is_believed_up_to_the_first_stranger() {
        let header = ForwardedHeader::XForwardedFor;
        let cases = [
            ("192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1, 10.1.1.1", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("6.6.6.6, nonsense", "10.0.0.7"),
            ("6.6.6.6, nonsense, 10.1.1.1", "10.1.1.1"),
            ("10.2.2.2", "10.2.2.2"),
            ("", "10.0.0.7"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::"),
        ];
        for (line, expected) in cases {
            let found = seen("10.0.0.7", header, &[("x-forwarded-for", line)]);
            assert_eq!(found, expected, "{line}");
        }
        let twice = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(seen("::ffff:10.0.0.7", header, &twice), "192.0.2.1");
    }

    #[test]
    fn only_the_header_that_was_configured_is_read() {
        let lines = [
            ("x-forwarded-for", "6.6.6.6"),
            ("forwarded", "for=192.0.2.1;proto=https"),
        ];
        assert_eq!(seen("::1", ForwardedHeader::Forwarded, &lines), "192.0.2.1");
        let lines = [("x-forwarded-for", "6.6.6.6")];
        assert_eq!(seen("::1", ForwardedHeader::Forwarded, &lines), "::");
        let lines = [(
            "forwarded",
            "for=6.6.6.6, For=\"[2001:db8::1]:4711\"; by=10.0.0.1",
        )];
        assert_eq!(seen("::1", ForwardedHeader::Forwarded, &lines), "2001:db8::");
        let lines = [("forwarded", "for=6.6.6.6, for=_hidden")];
        assert_eq!(seen("::1", ForwardedHeader::Forwarded, &lines), "::");
    }
}
