#include "identity/key_store.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "host/check.h"
#include "identity/json_object.h"
#include "schema/text.h"

namespace afluente::identity {
namespace {

using nlohmann::json;
using schema::Concat;

constexpr int kFormatVersion = 1;
constexpr uint64_t kFileBytesMax = 1 << 20;

absl::Status Damaged(const std::string& path, std::string_view what) {
  return absl::DataLossError(
      Concat(path, ": ", what, "; take the file away to start with new keys"));
}

int64_t Seconds(const json& entry, const char* name) {
  const auto found = entry.find(name);
  return found != entry.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<KeyStore>> KeyStore::Open(host::FileSystem& files,
                                                         const host::Clock& clock,
                                                         const std::string& path,
                                                         KeyStoreOptions options) {
  std::unique_ptr<KeyStore> store(new KeyStore(files, clock, path, options));
  const absl::Status read = store->Read();
  if (absl::IsNotFound(read)) {
    AFLUENTE_RETURN_IF_ERROR(store->Rotate());
  } else {
    AFLUENTE_RETURN_IF_ERROR(read);
    AFLUENTE_RETURN_IF_ERROR(store->RotateIfDue());
  }
  return store;
}

absl::Status KeyStore::Read() {
  AFLUENTE_ASSIGN_OR_RETURN(auto file, files_.Open(path_, host::FileSystem::Mode::kRead));
  AFLUENTE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size > kFileBytesMax) return Damaged(path_, "too large for a file of keys");
  AFLUENTE_ASSIGN_OR_RETURN(const std::string text, file->ReadAt(0, size));
  const auto parsed = ParseJsonObject(text);
  if (!parsed.ok() || Seconds(*parsed, "version") != kFormatVersion || !parsed->contains("keys") ||
      !parsed->at("keys").is_array() || parsed->at("keys").empty()) {
    return Damaged(path_, "not a file of keys");
  }
  std::vector<Entry> entries;
  for (const json& element : parsed->at("keys")) {
    if (!element.is_object() || !element.contains("jwk")) return Damaged(path_, "a key is missing");
    auto key = SigningKey::FromPrivateJwk(element.at("jwk"));
    if (!key.ok() || (*key)->algorithm() != options_.algorithm) {
      return Damaged(path_, "a key cannot be read");
    }
    entries.push_back({*std::move(key), Seconds(element, "created"), Seconds(element, "retired")});
  }
  if (entries.back().retired != 0) return Damaged(path_, "the last key is retired");
  absl::MutexLock lock(&mutex_);
  entries_ = std::move(entries);
  return absl::OkStatus();
}

absl::Status KeyStore::Write(const std::vector<Entry>& entries) const {
  json keys = json::array();
  for (const Entry& entry : entries) {
    keys.push_back(
        {{"created", entry.created}, {"retired", entry.retired}, {"jwk", entry.key->PrivateJwk()}});
  }
  const std::string text = json({{"version", kFormatVersion}, {"keys", std::move(keys)}}).dump();
  const std::string part = path_ + ".part";
  const size_t slash = path_.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path_.substr(0, slash);
  AFLUENTE_RETURN_IF_ERROR(files_.CreateDirectory(directory));
  const absl::Status removed = files_.Remove(part);
  if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  AFLUENTE_ASSIGN_OR_RETURN(auto file, files_.Open(part, host::FileSystem::Mode::kCreateSecret));
  AFLUENTE_RETURN_IF_ERROR(file->WriteAt(0, text));
  AFLUENTE_RETURN_IF_ERROR(file->Sync());
  AFLUENTE_RETURN_IF_ERROR(files_.Rename(part, path_));
  return files_.SyncDirectory(directory);
}

int64_t KeyStore::Now() const {
  return std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch()).count();
}

bool KeyStore::InUse(const Entry& entry, int64_t now) const {
  return entry.retired == 0 || now <= entry.retired + options_.keep_after.count();
}

absl::Status KeyStore::Rotate() {
  AFLUENTE_ASSIGN_OR_RETURN(auto key, SigningKey::Generate(options_.algorithm));
  const int64_t now = Now();
  std::vector<Entry> entries;
  {
    absl::MutexLock lock(&mutex_);
    entries = entries_;
  }
  std::erase_if(entries, [&](const Entry& entry) { return !InUse(entry, now); });
  if (!entries.empty() && entries.back().retired == 0) entries.back().retired = now;
  entries.push_back({std::move(key), now, 0});
  // On disk before it signs: a crash must not leave tokens whose key nobody has.
  AFLUENTE_RETURN_IF_ERROR(Write(entries));
  absl::MutexLock lock(&mutex_);
  entries_ = std::move(entries);
  return absl::OkStatus();
}

absl::Status KeyStore::RotateIfDue() {
  {
    absl::MutexLock lock(&mutex_);
    if (Now() < entries_.back().created + options_.rotate_after.count()) return absl::OkStatus();
  }
  return Rotate();
}

absl::StatusOr<std::string> KeyStore::Sign(std::string_view claims) const {
  std::shared_ptr<const SigningKey> key;
  {
    absl::MutexLock lock(&mutex_);
    key = entries_.back().key;
  }
  return key->Sign(claims);
}

std::string KeyStore::PublicKeys() const {
  std::vector<Entry> entries;
  {
    absl::MutexLock lock(&mutex_);
    entries = entries_;
  }
  const int64_t now = Now();
  json keys = json::array();
  for (const Entry& entry : entries) {
    if (InUse(entry, now)) keys.push_back(entry.key->PublicJwk());
  }
  return json({{"keys", std::move(keys)}}).dump();
}

}  // namespace afluente::identity
