#include "function/event_request.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace afluente::function {
namespace {

using Json = nlohmann::json;

EventTarget Target(EventFormat format) {
  return {"http://f.example/path", format, "projects/p/topics/T", "projects/p/subscriptions/f"};
}

Attempt SomeAttempt() {
  auto message = std::make_shared<event::Message>();
  message->data = std::string("{\"n\": 1}\0\xff", 10);
  message->attributes = {{"kind", "a \"quoted\" one"}, {"other", "ñ"}};
  message->ordering_key = "key";
  message->message_id = "17";
  message->publish_time = host::WallTime(std::chrono::microseconds(1'790'000'000'123'456));
  return {std::move(message), 3};
}

std::string Header(const http::OutgoingRequest& request, std::string_view name) {
  const std::string* value = request.headers.Find(name);
  return value == nullptr ? "(none)" : *value;
}

// A push request's body, as Pub/Sub documents it ("Push subscriptions").
void ExpectPushBody(const Json& body) {
  EXPECT_EQ(body["deliveryAttempt"], 3);
  EXPECT_EQ(body["subscription"], "projects/p/subscriptions/f");
  const Json& message = body["message"];
  EXPECT_EQ(message["data"], "eyJuIjogMX0A/w==");
  EXPECT_EQ(message["attributes"], (Json{{"kind", "a \"quoted\" one"}, {"other", "ñ"}}));
  EXPECT_EQ(message["orderingKey"], "key");
  for (const char* id : {"messageId", "message_id"}) EXPECT_EQ(message[id], "17");
  for (const char* time : {"publishTime", "publish_time"}) {
    EXPECT_EQ(message[time], "2026-09-21T14:13:20.123456Z");
  }
}

TEST(EventRequestTest, PubsubPush) {
  const auto request = EventRequest(Target(EventFormat::kPubsub), SomeAttempt());
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "http://f.example/path");
  EXPECT_EQ(Header(request, "Content-Type"), "application/json");
  EXPECT_EQ(request.headers.Find("ce-id"), nullptr);
  ExpectPushBody(Json::parse(request.body));
}

TEST(EventRequestTest, WhatIsEmptyIsNotThere) {
  Attempt attempt{std::make_shared<event::Message>(), 1};
  const auto request = EventRequest(Target(EventFormat::kPubsub), attempt);
  const Json message = Json::parse(request.body)["message"];
  EXPECT_FALSE(message.contains("attributes"));
  EXPECT_FALSE(message.contains("orderingKey"));
  EXPECT_EQ(message["data"], "");
}

TEST(EventRequestTest, CloudEventsBinary) {
  const auto request = EventRequest(Target(EventFormat::kCloudeventsBinary), SomeAttempt());
  EXPECT_EQ(Header(request, "Content-Type"), "application/json");
  EXPECT_EQ(Header(request, "ce-specversion"), "1.0");
  EXPECT_EQ(Header(request, "ce-id"), "17");
  EXPECT_EQ(Header(request, "ce-source"), "//pubsub.googleapis.com/projects/p/topics/T");
  EXPECT_EQ(Header(request, "ce-type"), "google.cloud.pubsub.topic.v1.messagePublished");
  EXPECT_EQ(Header(request, "ce-time"), "2026-09-21T14:13:20.123456Z");
  ExpectPushBody(Json::parse(request.body));
}

TEST(EventRequestTest, CloudEventsStructured) {
  const auto request = EventRequest(Target(EventFormat::kCloudeventsStructured), SomeAttempt());
  EXPECT_EQ(Header(request, "Content-Type"), "application/cloudevents+json; charset=utf-8");
  EXPECT_EQ(request.headers.Find("ce-id"), nullptr);
  const Json event = Json::parse(request.body);
  EXPECT_EQ(event["specversion"], "1.0");
  EXPECT_EQ(event["id"], "17");
  EXPECT_EQ(event["datacontenttype"], "application/json");
  EXPECT_EQ(event["type"], "google.cloud.pubsub.topic.v1.messagePublished");
  ExpectPushBody(event["data"]);
}

}  // namespace
}  // namespace afluente::function
