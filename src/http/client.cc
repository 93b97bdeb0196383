#include "http/client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "http/outbound_connection.h"
#include "http/url.h"

namespace afluente::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using beast::error_code;

constexpr uint64_t kAnswerBytesMax = uint64_t{1} << 30;

absl::Status Failure(const error_code& error, const std::string& what, const Url& url) {
  const std::string text = absl::StrCat(what, " ", url.authority, ": ", error.message());
  if (error == beast::error::timeout) return absl::DeadlineExceededError(text);
  return absl::UnavailableError(text);
}

// Runs one asynchronous step to its end; the stream's timer bounds it.
template <typename Start>
error_code RunStep(asio::io_context& io, Start start) {
  error_code result;
  start([&result](const error_code& error, auto&&...) { result = error; });
  io.restart();
  io.run();
  return result;
}

}  // namespace

absl::StatusOr<Response> Fetch(const std::string& method, const std::string& url,
                               const std::string& body, const Headers& headers,
                               std::chrono::milliseconds timeout) {
  AFLUENTE_ASSIGN_OR_RETURN(const Url parsed, ParseUrl(url));
  asio::io_context io{1};
  error_code error;
  tcp::resolver resolver(io);
  const auto endpoints = resolver.resolve(parsed.host, parsed.port, error);
  if (error) return Failure(error, "cannot resolve", parsed);
  std::optional<asio::ssl::context> tls;
  if (parsed.tls) TrustTheMachine(tls.emplace(asio::ssl::context::tls_client));
  OutboundConnection connection(io, tls ? &*tls : nullptr);
  connection.socket().expires_after(timeout);
  error = RunStep(
      io, [&](auto done) { connection.socket().async_connect(endpoints, std::move(done)); });
  if (error) return Failure(error, "cannot connect to", parsed);
  connection.socket().socket().set_option(tcp::no_delay(true), error);
  if (tls) {
    connection.Expect(parsed.host);
    error = RunStep(io, [&](auto done) {
      connection.tls()->async_handshake(asio::ssl::stream_base::client, std::move(done));
    });
    if (error) return Failure(error, "no TLS with", parsed);
  }

  beast::http::request<beast::http::string_body> request;
  request.version(11);
  request.method_string(method);
  request.target(parsed.target);
  request.set(beast::http::field::host, parsed.authority);
  request.set(beast::http::field::user_agent, "afluente");
  for (const auto& [name, value] : headers.entries()) request.insert(name, value);
  request.set(beast::http::field::connection, "close");
  request.body() = body;
  if (!body.empty() || method == "POST" || method == "PUT") request.prepare_payload();
  error = RunStep(io, [&](auto done) {
    connection.WithStream(
        [&](auto& stream) { beast::http::async_write(stream, request, std::move(done)); });
  });
  // A server may refuse before it has read everything: its answer is worth reading.
  const error_code write_error = error;

  beast::flat_buffer buffer;
  beast::http::response_parser<beast::http::string_body> parser;
  parser.body_limit(kAnswerBytesMax);
  if (method == "HEAD") parser.skip(true);
  error = RunStep(io, [&](auto done) {
    connection.WithStream(
        [&](auto& stream) { beast::http::async_read(stream, buffer, parser, std::move(done)); });
  });
  if (error && write_error) return Failure(write_error, "cannot send to", parsed);
  if (error) return Failure(error, "no answer from", parsed);
  Response response;
  response.status = parser.get().result_int();
  for (const auto& field : parser.get()) {
    response.headers.Add(std::string(field.name_string()), std::string(field.value()));
  }
  response.body = std::move(parser.get().body());
  return response;
}

}  // namespace afluente::http
