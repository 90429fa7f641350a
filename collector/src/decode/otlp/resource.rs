//! The reporter, by the attributes of a resource.

use opentelemetry_proto::tonic::resource::v1::Resource;
use tallylight_schemas::fates::Reason;
use tallylight_schemas::infra::Attribute;

use super::points::NAME_BYTES;
use super::value::{attributes, text};

/// The attribute that names the service.
const SERVICE: &str = "service.name";
/// The attributes that name its instance, in order of preference.
const INSTANCE: [&str; 2] = ["service.instance.id", "host.name"];

/// A service, its instance, and its other attributes: determined once per resource, since they may
/// be long and its records many.
pub(super) struct Origin {
    service: String,
    instance: Option<String>,
    rest: Result<Vec<Attribute>, Reason>,
}

impl Origin {
    /// `Err` is why all its records are rejected: a name is too long.
    pub(super) fn of(resource: Option<&Resource>) -> Result<Self, Reason> {
        let all = resource.map_or(&[][..], |resource| resource.attributes.as_slice());
        let find = |key: &str| {
            let pair = all.iter().find(|pair| pair.key == key)?;
            pair.value.as_ref().map(text).filter(|text| !text.is_empty())
        };
        let named = INSTANCE.into_iter().find_map(|key| Some((key, find(key)?)));
        let is_named =
            |key: &str| key == SERVICE || named.as_ref().is_some_and(|(by, _)| *by == key);
        let rest = attributes(all.iter().filter(|pair| !is_named(&pair.key)));
        let (service, instance) = (find(SERVICE).unwrap_or_default(), named.map(|(_, name)| name));
        let longest = service.len().max(instance.as_ref().map_or(0, String::len));
        if longest > NAME_BYTES {
            return Err(Reason::TooLong);
        }
        Ok(Self { service, instance, rest })
    }

    /// Empty where the resource does not name it.
    pub(super) fn service(&self) -> &str {
        &self.service
    }

    pub(super) fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }

    /// The other attributes, unless there are more than a record may have.
    pub(super) fn rest(&self) -> Result<&[Attribute], Reason> {
        self.rest.as_deref().map_err(|reason| *reason)
    }
}
