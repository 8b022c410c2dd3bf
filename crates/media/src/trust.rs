//! Which servers are who they say they are: by the certificates that this machine trusts.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// What all clients of this process verify servers with. The machine's certificates are read when the first server is to be
/// verified: they take half a megabyte, and a server at rest, or one that only talks to the sandbox, verifies nobody.
#[derive(Debug)]
struct SystemTrust {
    provider: Arc<CryptoProvider>,
    /// Set when there were certificates to read. Until then they are looked for anew each time: they may be installed any
    /// time.
    read: OnceLock<Verifier>,
}

impl SystemTrust {
    fn verifier(&self) -> Result<&Verifier, Error> {
        if let Some(verifier) = self.read.get() {
            return Ok(verifier);
        }
        let verifier = Verifier::new(Arc::clone(&self.provider))?;
        Ok(self.read.get_or_init(|| verifier))
    }
}

impl ServerCertVerifier for SystemTrust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verifier = self.verifier().inspect_err(|error| {
            tracing::error!(
                %error,
                "no https address can be reached: this machine trusts no certificates; install them (the package is \
                 mostly called ca-certificates)"
            );
        })?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// This process's cryptography.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    if CryptoProvider::get_default().is_none() {
        // Another thread may install the same at the same time, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    CryptoProvider::get_default().map_or_else(|| Arc::new(rustls::crypto::ring::default_provider()), Arc::clone)
}

fn trusting(trust: SystemTrust) -> ClientConfig {
    // "Dangerous" is any verifier but the library's own; this one hands every certificate to it.
    let mut tls = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust))
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    tls
}

/// TLS as all clients have it; they share sessions and trust. Only HTTP/1.1 is offered.
pub(crate) fn tls() -> ClientConfig {
    static SHARED: OnceLock<ClientConfig> = OnceLock::new();
    let made = || {
        let provider = provider();
        trusting(SystemTrust {
            provider,
            read: OnceLock::new(),
        })
    };
    SHARED.get_or_init(made).clone()
}

/// Looks whether this machine trusts any certificate, so that https addresses can be reached.
///
/// # Errors
/// In words, what is missing.
pub fn check() -> Result<(), String> {
    match Verifier::new(provider()) {
        Ok(_) => Ok(()),
        Err(Error::General(told)) => Err(told),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{CertificateError, ClientConnection, ServerConfig, ServerConnection};

    use super::*;

    /// Made for these tests, good until 2126: a root, the certificate that it gave to `server.test`, and the latter's key.
    const ROOT: &[u8] = include_bytes!("trust/samples/root.der");
    const SERVER: &[u8] = include_bytes!("trust/samples/server.der");
    const SERVER_KEY: &[u8] = include_bytes!("trust/samples/server-key.der");

    /// Ends a handshake with `server.test` under this name, by a client that trusts these roots besides the machine's.
    fn shake_hands(name: &'static str, roots: Vec<CertificateDer<'static>>) -> Result<(), Error> {
        let provider = provider();
        let read = Verifier::new_with_extra_roots(roots, Arc::clone(&provider));
        let trust = SystemTrust {
            provider,
            read: read.map(OnceLock::from).unwrap_or_default(),
        };
        let mut client = ClientConnection::new(Arc::new(trusting(trust)), name.try_into().unwrap())?;
        let key = PrivateKeyDer::try_from(SERVER_KEY).unwrap();
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![SERVER.into()], key)?;
        let mut server = ServerConnection::new(Arc::new(server))?;
        while client.is_handshaking() || server.is_handshaking() {
            let mut bytes = Vec::new();
            client.write_tls(&mut bytes).unwrap();
            server.read_tls(&mut bytes.as_slice()).unwrap();
            server.process_new_packets()?;
            bytes.clear();
            server.write_tls(&mut bytes).unwrap();
            client.read_tls(&mut bytes.as_slice()).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    #[test]
    fn a_server_is_believed_when_a_trusted_root_vouches_for_its_name() {
        assert_eq!(shake_hands("server.test", vec![ROOT.into()]), Ok(()));
    }

    #[test]
    fn a_server_with_another_name_is_not_believed() {
        let refused = shake_hands("other.test", vec![ROOT.into()]).unwrap_err();
        assert!(
            matches!(
                refused,
                Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })
            ),
            "{refused:?}"
        );
    }

    #[test]
    fn a_server_that_nobody_vouches_for_is_not_believed() {
        let refused = shake_hands("server.test", Vec::new()).unwrap_err();
        let is_unknown = refused == Error::InvalidCertificate(CertificateError::UnknownIssuer);
        // A machine without any certificate has nothing to judge by, which is no reason to believe anybody either.
        assert!(is_unknown || matches!(refused, Error::General(_)), "{refused:?}");
    }
}
