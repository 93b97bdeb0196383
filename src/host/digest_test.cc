#include "host/digest.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"

namespace afluente::host {
namespace {

TEST(Digest, Sha256OfTheStandardsExample) {
  EXPECT_EQ(absl::BytesToHexString(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(PasswordHash, FitsItsPasswordAlone) {
  const PasswordHash made = PasswordHash::Make("tide");
  const auto parsed = PasswordHash::Parse(made.ToText());
  ASSERT_TRUE(parsed.has_value());
  EXPECT_TRUE(parsed->Fits("tide"));
  EXPECT_FALSE(parsed->Fits("tidE"));
  EXPECT_FALSE(parsed->Fits(""));
}

// Made by `mosquitto_passwd -b -c FILE device secret` of Mosquitto 2.0.11.
TEST(PasswordHash, ReadsWhatMosquittoWrites) {
  const auto parsed = PasswordHash::Parse(
      "$7$101$JiyTfCXM7iJtqfjd$6ftZprKVSHLHOoWfuxOMk20+vFx4bj1C/WXmkXz9sO4bpp5BjJ7v3I5uYG2u/"
      "grbrYDzNfDVi/QvBYkZbgzWKg==");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_TRUE(parsed->Fits("secret"));
  EXPECT_FALSE(parsed->Fits("Secret"));
}

TEST(PasswordHash, RefusesOtherTexts) {
  const std::string good = PasswordHash::Make("x").ToText();
  EXPECT_FALSE(PasswordHash::Parse("").has_value());
  EXPECT_FALSE(PasswordHash::Parse("secret").has_value());
  EXPECT_FALSE(PasswordHash::Parse("$6$" + good.substr(3)).has_value());
  EXPECT_FALSE(PasswordHash::Parse(good + "$").has_value());
  EXPECT_FALSE(PasswordHash::Parse("$7$9000000$" + good.substr(10)).has_value());
}

}  // namespace
}  // namespace afluente::host
