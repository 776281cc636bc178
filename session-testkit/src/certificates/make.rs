//! Certificates made on the spot.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::Certificates;

const HERE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

impl Certificates {
    /// Certificates of a new authority, for `localhost`, `127.0.0.1` and `::1`.
    #[must_use]
    pub fn new() -> Self {
        Self::make(&HERE, false)
    }

    /// The same under a different authority, for clients that must refuse the server, or for servers that must refuse
    /// the client.
    #[must_use]
    pub fn another_authority() -> Self {
        Self::new()
    }

    /// A server certificate for other names, which a client that checks names must refuse.
    #[must_use]
    pub fn for_names(names: &[&str]) -> Self {
        Self::make(names, false)
    }

    /// Certificates that expired in the year 2001.
    #[must_use]
    pub fn expired() -> Self {
        Self::make(&HERE, true)
    }

    fn make(names: &[&str], expired: bool) -> Self {
        let ca = authority();
        let server = leaf(&ca, names, ExtendedKeyUsagePurpose::ServerAuth, expired);
        let client = leaf(&ca, &["session-testkit-client"], ExtendedKeyUsagePurpose::ClientAuth, expired);
        Self::from_pem(ca.pem(), server, client)
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

const MADE: &str = "a certificate can be made";

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "session-testkit authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect(MADE)).expect(MADE)
}

fn leaf(
    ca: &CertifiedIssuer<'_, KeyPair>,
    names: &[&str],
    purpose: ExtendedKeyUsagePurpose,
    expired: bool,
) -> (String, String) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let common = names.first().cloned().unwrap_or_default();
    let mut params = CertificateParams::new(names).expect("names of hosts, or addresses");
    params.distinguished_name.push(DnType::CommonName, common);
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    if expired {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    }
    let key = KeyPair::generate().expect(MADE);
    let cert = params.signed_by(&key, ca).expect(MADE);
    (cert.pem(), key.serialize_pem())
}
