#pragma once

// Private to this folder, as it names Asio.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <memory>
#include <string>
#include <utility>

namespace afluente::http {

// One connection to a server, plain or TLS. Belongs to the pool or to the exchange that uses it;
// one loop's thread.
class OutboundConnection {
 public:
  using Plain = boost::beast::tcp_stream;
  using Tls = boost::beast::ssl_stream<boost::beast::tcp_stream>;

  // `tls` is null for a plain connection.
  OutboundConnection(boost::asio::io_context& io, boost::asio::ssl::context* tls) {
    if (tls != nullptr) {
      tls_ = std::make_unique<Tls>(io, *tls);
    } else {
      plain_ = std::make_unique<Plain>(io);
    }
  }

  Plain& socket() { return tls_ ? boost::beast::get_lowest_layer(*tls_) : *plain_; }
  Tls* tls() { return tls_.get(); }
  boost::beast::flat_buffer& buffer() { return buffer_; }

  // Calls `visit` with the stream that HTTP runs on.
  template <typename Visit>
  void WithStream(Visit visit) {
    if (tls_) {
      visit(*tls_);
    } else {
      visit(*plain_);
    }
  }

  // Without TLS's farewell: what was to be read has been read, or does not matter any more.
  void Close() { socket().close(); }

 private:
  std::unique_ptr<Plain> plain_;
  std::unique_ptr<Tls> tls_;
  boost::beast::flat_buffer buffer_;
};

}  // namespace afluente::http
