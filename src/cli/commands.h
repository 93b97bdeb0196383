#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/instance.h"
#include "roles/up.h"

namespace afluente::cli {

// One function a command; each returns the exit code and prints answers to stdout, the rest to
// stderr.

int RunValidate(const std::string& spec_file, bool limits, bool json);
int RunValidateSchema();
int RunInit(const std::string& directory);
int RunVersion(bool json);

struct PublishOptions {
  std::string topic;
  std::string file;  // empty = stdin
  std::vector<std::string> attributes;
  std::string ordering_key;
  uint64_t skip = 0;  // records of the file that are not sent
  bool mqtt = false;  // `topic` is an MQTT topic, {field}s in it are the record's
  bool json = false;
};
int RunPublish(const InstanceLocation& location, const PublishOptions& options);
int RunPublishMqtt(const Instance& instance, const PublishOptions& options);

struct PullOptions {
  std::string subscription;
  int limit = 10;
  bool ack = false;
  bool json = false;
};
int RunPull(const InstanceLocation& location, const PullOptions& options);

struct PeekOptions {
  std::string topic;
  uint64_t limit = 10;
  std::optional<uint64_t> after;
  std::string since;
  std::string filter;
};
int RunPeek(const InstanceLocation& location, const PeekOptions& options);
// Prints what is published from now on (or after `options.after`, or since) until it is interrupted
// or `options.limit` messages are printed (0 = no limit).
int RunTail(const InstanceLocation& location, const PeekOptions& options);

// Both of an instance that runs with --testing.
int RunTestingClock(const InstanceLocation& location, const std::string& advance);
int RunTestingFaults(const InstanceLocation& location, const std::string& method,
                     const std::string& name, const std::string& body);

struct QueryOptions {
  std::string sql;
  std::vector<std::string> parameters;  // NAME:TYPE:VALUE
  std::optional<uint64_t> limit;
  bool json = false;
};
int RunQuery(const InstanceLocation& location, const QueryOptions& options);

int RunCheck(const InstanceLocation& location, bool json);
// Copies journal and warehouse, as of one moment, into a new directory; the instance goes on.
int RunBackup(const InstanceLocation& location, const std::string& directory, bool json);
// Makes a new data directory of a backup and checks it: 1, and no directory, when it is damaged or
// does not balance.
int RunRestore(const InstanceLocation& location, const std::string& directory, bool json);
int RunDrain(const InstanceLocation& location, int timeout_seconds);
int RunEnv(const InstanceLocation& location);
// Prints an ID token of the developer issuer for `user`; an empty audience is the proxy's.
int RunToken(const InstanceLocation& location, const std::string& user,
             const std::string& audience);
// Prints a new key of POST /ingest, and its entry in the file of keys.
int RunMakeApiKey(const std::string& name);
// Prints the hash of the password on standard input, for a device of the MQTT door.
int RunHashPassword();
int RunHealth(const InstanceLocation& location);
// Likewise of the role that runs in this container, which has no ready file: asks PORT's /health.
int RunHealthOfRole();
// Looks at what `up` with these options needs: 0 when nothing failed, else 1.
int RunDoctor(const roles::UpOptions& options, bool json);
// Likewise at the specification's deployment on Google Cloud.
struct CloudPatient;
int RunCloudDoctor(const std::string& spec_file, const CloudPatient& patient, bool json);
// The pipeline as it is now, each second until it is interrupted, or once.
int RunTop(const InstanceLocation& location, bool once);

}  // namespace afluente::cli
