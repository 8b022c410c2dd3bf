//! Files in a bucket of an S3-compatible storage, to which clients upload by themselves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::secret::SecretText;
use object_store::aws::AmazonS3Builder;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use url::Url;

use crate::error::Error;
use crate::store::MediaStore;

/// How long one request to the storage may take: a part of five mebibytes on a slow line.
const REQUEST_TIME: Duration = Duration::from_secs(60);
/// How often a request that failed is tried again; each can be repeated.
const RETRIES_MAX: usize = 3;

/// A bucket, and who may use it.
#[derive(Clone)]
pub struct S3 {
    /// Where the service is; `None` for Amazon's.
    pub endpoint: Option<Url>,
    /// The region, which is part of every signature.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// The public half of the key.
    pub access_key: String,
    /// The secret half.
    pub secret_key: SecretText,
    /// Whether the bucket stands in the host's name instead of the path.
    pub virtual_hosted: bool,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

impl MediaStore {
    /// Keeps files in a bucket. Nothing is asked of the service yet.
    ///
    /// # Errors
    /// [`Error::Storage`] when no client can be made of these settings.
    pub fn s3(settings: &S3) -> Result<Self, Error> {
        // Its client takes the cryptography of the process.
        crate::trust::provider();
        let is_plain = settings.endpoint.as_ref().is_some_and(|url| url.scheme() == "http");
        let options = ClientOptions::new()
            .with_timeout(REQUEST_TIME)
            .with_connect_timeout(Duration::from_secs(10))
            .with_allow_http(is_plain);
        let mut builder = AmazonS3Builder::new()
            .with_client_options(options)
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: RETRIES_MAX,
                retry_timeout: REQUEST_TIME * 2,
            })
            .with_region(&settings.region)
            .with_bucket_name(&settings.bucket)
            .with_access_key_id(&settings.access_key)
            .with_secret_access_key(settings.secret_key.expose())
            .with_virtual_hosted_style_request(settings.virtual_hosted);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
        }
        let bucket = Arc::new(builder.build()?);
        Ok(Self::signing(Arc::clone(&bucket) as _, bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::key;

    fn settings() -> S3 {
        S3 {
            endpoint: Some("http://127.0.0.1:9000/".parse().unwrap()),
            region: "us-east-1".to_owned(),
            bucket: "media".to_owned(),
            access_key: "AKIAEXAMPLE".to_owned(),
            secret_key: SecretText::from("not to be shown"),
            virtual_hosted: false,
        }
    }

    #[tokio::test]
    async fn an_upload_url_is_the_storages_own_and_binds_the_media_type() {
        let store = MediaStore::s3(&settings()).unwrap();
        assert!(store.is_direct());
        let url = store
            .presigned_put(&key(), "image/jpeg", Duration::from_secs(3_600))
            .await;
        let url = url.unwrap().unwrap();
        assert!(url.as_str().starts_with("http://127.0.0.1:9000/media/"), "{url}");
        let query = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        assert_eq!(query("X-Amz-Expires"), "3600");
        assert_eq!(query("X-Amz-SignedHeaders"), "content-type;host");
    }

    #[test]
    fn the_secret_is_not_shown() {
        assert!(!format!("{:?} {:?}", settings(), MediaStore::s3(&settings())).contains("not to be shown"));
    }
}
