// SPDX-License-Identifier: MIT
//! Whose request it is: the address of the connection, or what a trusted proxy says.

use std::net::{IpAddr, Ipv4Addr};

use poem::Request;
use poem::http::{HeaderMap, header};

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
    client_address(peer(request), request.headers(), limits)
}

/// Returns the address that a request from `peer` with `headers` is counted for.
///
/// A header is believed only if the connection comes from a proxy of [`Limits::trust_proxies`], and in it only what
/// such proxies wrote: they add to its end, so it is read from there, up to the first address that is not one of
/// theirs. Whatever stands before that, the client may have made up.
fn client_address(peer: IpAddr, headers: &HeaderMap, limits: &Limits) -> IpAddr {
    if !limits.trusts(peer) {
        return owner(peer);
    }
    let hops = match limits.forwarded_header {
        ForwardedHeader::XForwardedFor => hops(headers, "x-forwarded-for", |hop| Some(hop)),
        ForwardedHeader::Forwarded => hops(headers, header::FORWARDED.as_str(), forwarded_for),
    };
    let mut client = peer;
    for hop in hops.iter().rev() {
        // An address that cannot be read hides everything before it.
        let Some(address) = hop.as_deref().and_then(address) else {
            break;
        };
        client = address;
        if !limits.trusts(address) {
            break;
        }
    }
    owner(client)
}

/// Returns the elements of every line of a header, `None` for those that name nobody.
fn hops(headers: &HeaderMap, name: &str, read: fn(&str) -> Option<&str>) -> Vec<Option<String>> {
    let lines = headers.get_all(name).iter();
    let lines = lines.map(|line| line.to_str().unwrap_or_default());
    let elements = lines.flat_map(|line| line.split(','));
    elements
        .map(|element| read(element.trim()).map(str::to_owned))
        .collect()
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

    fn seen(peer: &str, header: ForwardedHeader, lines: &[(&str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = header::HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let peer: IpAddr = peer.parse().unwrap();
        client_address(peer.to_canonical(), &headers, &limits(header)).to_string()
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
