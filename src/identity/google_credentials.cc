#include "identity/google_credentials.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "host/check.h"
#include "identity/form.h"
#include "identity/json_object.h"
#include "identity/pem_key.h"
#include "schema/text.h"

namespace afluente::identity {

using nlohmann::json;
using schema::Concat;

class GoogleCredentials::Source {
 public:
  virtual ~Source() = default;
  virtual absl::StatusOr<Fresh> Fetch() = 0;
};

namespace {

using Source = GoogleCredentials::Source;
using Fresh = GoogleCredentials::Fresh;

constexpr char kScope[] = "https://www.googleapis.com/auth/cloud-platform";
constexpr char kGoogleTokenUri[] = "https://oauth2.googleapis.com/token";
constexpr std::chrono::seconds kSpare{300};
constexpr size_t kFileBytesMax = 64 << 10;

std::string TextOf(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::StatusOr<json> Answer(const Exchange& exchange, const TokenRequest& request) {
  AFLUENTE_ASSIGN_OR_RETURN(const http::Response response, exchange(request));
  if (response.status >= 500 || response.status == 429) {
    return absl::UnavailableError(Concat(request.url, ": answered ", response.status));
  }
  if (response.status != 200) {
    return absl::UnauthenticatedError(Concat(request.url, ": answered ", response.status));
  }
  return ParseJsonObject(response.body);
}

absl::StatusOr<Fresh> ReadToken(const json& answer) {
  Fresh fresh{TextOf(answer, "access_token"), std::chrono::seconds(3600)};
  if (fresh.token.empty()) return absl::UnauthenticatedError("an answer without access_token");
  const auto life = answer.find("expires_in");
  if (life != answer.end() && life->is_number_integer()) {
    fresh.life = std::chrono::seconds(life->get<int64_t>());
  }
  return fresh;
}

TokenRequest FormRequest(const std::string& url, const FormFields& fields) {
  TokenRequest request{"POST", url, {}, EncodeForm(fields)};
  request.headers.Set("Content-Type", "application/x-www-form-urlencoded");
  return request;
}

// The machine's own service account, from the server that every Google Cloud machine has.
class MetadataServer final : public Source {
 public:
  MetadataServer(Exchange exchange, const std::string& host)
      : exchange_(std::move(exchange)),
        url_(Concat("http://", host,
                    "/computeMetadata/v1/instance/service-accounts/default/token")) {}

  absl::StatusOr<Fresh> Fetch() override {
    TokenRequest request{"GET", url_, {}, ""};
    request.headers.Set("Metadata-Flavor", "Google");
    AFLUENTE_ASSIGN_OR_RETURN(const json answer, Answer(exchange_, request));
    return ReadToken(answer);
  }

 private:
  const Exchange exchange_;
  const std::string url_;
};

// A service account's key: a signed assertion for an access token (RFC 7523).
class ServiceAccount final : public Source {
 public:
  ServiceAccount(Exchange exchange, const host::Clock& clock, std::string email,
                 std::string token_uri, std::shared_ptr<const SigningKey> key)
      : exchange_(std::move(exchange)),
        clock_(clock),
        email_(std::move(email)),
        token_uri_(std::move(token_uri)),
        key_(std::move(key)) {}

  absl::StatusOr<Fresh> Fetch() override {
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch()).count();
    const json claims = {{"iss", email_},
                         {"scope", kScope},
                         {"aud", token_uri_},
                         {"iat", now},
                         {"exp", now + 3'600}};
    AFLUENTE_ASSIGN_OR_RETURN(const std::string assertion, key_->Sign(claims.dump()));
    AFLUENTE_ASSIGN_OR_RETURN(
        const json answer,
        Answer(exchange_, FormRequest(token_uri_, {{"grant_type",
                                                    "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                                                   {"assertion", assertion}})));
    return ReadToken(answer);
  }

 private:
  const Exchange exchange_;
  const host::Clock& clock_;
  const std::string email_;
  const std::string token_uri_;
  const std::shared_ptr<const SigningKey> key_;
};

// A person's, as `gcloud auth application-default login` leaves it.
class AuthorizedUser final : public Source {
 public:
  AuthorizedUser(Exchange exchange, const json& file)
      : exchange_(std::move(exchange)),
        request_(FormRequest(
            TextOf(file, "token_uri").empty() ? kGoogleTokenUri : TextOf(file, "token_uri"),
            {{"grant_type", "refresh_token"},
             {"client_id", TextOf(file, "client_id")},
             {"client_secret", TextOf(file, "client_secret")},
             {"refresh_token", TextOf(file, "refresh_token")}})) {}

  absl::StatusOr<Fresh> Fetch() override {
    AFLUENTE_ASSIGN_OR_RETURN(const json answer, Answer(exchange_, request_));
    return ReadToken(answer);
  }

 private:
  const Exchange exchange_;
  const TokenRequest request_;
};

// Another account's token, which the source's account may ask for (IAM's generateAccessToken).
class Impersonation final : public Source {
 public:
  Impersonation(Exchange exchange, std::string url, std::unique_ptr<Source> source)
      : exchange_(std::move(exchange)), url_(std::move(url)), source_(std::move(source)) {}

  absl::StatusOr<Fresh> Fetch() override {
    AFLUENTE_ASSIGN_OR_RETURN(const Fresh own, source_->Fetch());
    const json body = {{"scope", json::array({kScope})}, {"lifetime", "3600s"}};
    TokenRequest request{"POST", url_, {}, body.dump()};
    request.headers.Set("Content-Type", "application/json");
    request.headers.Set("Authorization", Concat("Bearer ", own.token));
    AFLUENTE_ASSIGN_OR_RETURN(const json answer, Answer(exchange_, request));
    return ReadToken({{"access_token", TextOf(answer, "accessToken")}, {"expires_in", 3'600}});
  }

 private:
  const Exchange exchange_;
  const std::string url_;
  const std::unique_ptr<Source> source_;
};

absl::StatusOr<std::unique_ptr<Source>> FromFile(const json& file, const Exchange& exchange,
                                                 const host::Clock& clock, bool nested) {
  const std::string type = TextOf(file, "type");
  if (type == "service_account") {
    AFLUENTE_ASSIGN_OR_RETURN(
        auto key, KeyFromPem(TextOf(file, "private_key"), TextOf(file, "private_key_id")));
    return std::make_unique<ServiceAccount>(
        exchange, clock, TextOf(file, "client_email"),
        TextOf(file, "token_uri").empty() ? kGoogleTokenUri : TextOf(file, "token_uri"),
        std::move(key));
  }
  if (type == "authorized_user") return std::make_unique<AuthorizedUser>(exchange, file);
  const auto inner = file.find("source_credentials");
  if (type == "impersonated_service_account" && !nested && inner != file.end()) {
    AFLUENTE_ASSIGN_OR_RETURN(auto source, FromFile(*inner, exchange, clock, true));
    return std::make_unique<Impersonation>(
        exchange, TextOf(file, "service_account_impersonation_url"), std::move(source));
  }
  return absl::InvalidArgumentError(
      Concat("credentials of type ", type.empty() ? "(none)" : type, " are not supported"));
}

// nullopt when there is no such file.
std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return std::nullopt;
  std::string text(std::istreambuf_iterator<char>(stream), {});
  if (text.size() > kFileBytesMax) text.clear();
  return text;
}

std::string EnvironmentText(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::StatusOr<std::unique_ptr<Source>> FindSource(
    const GoogleCredentials::Environment& environment, const Exchange& exchange,
    const host::Clock& clock) {
  std::string path = environment.credentials_file;
  std::optional<std::string> text;
  if (!path.empty()) {
    text = ReadFile(path);
    if (!text.has_value()) return absl::NotFoundError(Concat(path, ": cannot be read"));
  } else if (!environment.well_known_file.empty()) {
    path = environment.well_known_file;
    text = ReadFile(path);
  }
  if (!text.has_value()) {
    return std::make_unique<MetadataServer>(exchange, environment.metadata_host);
  }
  const auto file = ParseJsonObject(*text);
  auto source = file.ok() ? FromFile(*file, exchange, clock, false) : file.status();
  if (source.ok()) return source;
  return absl::InvalidArgumentError(Concat(path, ": ", std::string(source.status().message())));
}

}  // namespace

GoogleCredentials::Environment GoogleCredentials::Environment::Read() {
  Environment environment;
  environment.credentials_file = EnvironmentText("GOOGLE_APPLICATION_CREDENTIALS");
  std::string folder = EnvironmentText("CLOUDSDK_CONFIG");
  if (folder.empty() && !EnvironmentText("HOME").empty()) {
    folder = EnvironmentText("HOME") + "/.config/gcloud";
  }
  if (!folder.empty()) {
    environment.well_known_file = folder + "/application_default_credentials.json";
  }
  const std::string host = EnvironmentText("GCE_METADATA_HOST");
  if (!host.empty()) environment.metadata_host = host;
  return environment;
}

GoogleCredentials::GoogleCredentials(std::unique_ptr<Source> source, const host::Clock& clock)
    : source_(std::move(source)), clock_(clock) {}
GoogleCredentials::~GoogleCredentials() = default;

absl::StatusOr<std::unique_ptr<GoogleCredentials>> GoogleCredentials::Find(
    const Environment& environment, Exchange exchange, const host::Clock& clock) {
  AFLUENTE_ASSIGN_OR_RETURN(auto source, FindSource(environment, exchange, clock));
  return std::unique_ptr<GoogleCredentials>(new GoogleCredentials(std::move(source), clock));
}

absl::StatusOr<std::string> GoogleCredentials::Token() {
  absl::MutexLock lock(&mutex_);
  const host::MonotonicTime now = clock_.Monotonic();
  if (now + kSpare < ends_) return token_;
  absl::StatusOr<Fresh> fresh = source_->Fetch();
  if (!fresh.ok()) {
    if (now < ends_) return token_;
    return fresh.status();
  }
  token_ = fresh->token;
  ends_ = now + fresh->life;
  return token_;
}

}  // namespace afluente::identity
