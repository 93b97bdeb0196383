#pragma once

// Private to this folder, as it names Asio.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <memory>
#include <string>
#include <utility>

namespace afluente::http {

// Trusts what the machine trusts, and asks every server for its certificate.
inline void TrustTheMachine(boost::asio::ssl::context& tls) {
  using Context = boost::asio::ssl::context;
  tls.set_options(Context::default_workarounds | Context::no_sslv2 | Context::no_sslv3 |
                  Context::no_tlsv1 | Context::no_tlsv1_1);
  boost::system::error_code ignored;  // without any trusted certificate every server is refused
  tls.set_default_verify_paths(ignored);
  tls.set_verify_mode(boost::asio::ssl::verify_peer);
}

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

  // Before the handshake: whom the server must prove to be.
  void Expect(const std::string& host) {
    SSL_set_tlsext_host_name(tls_->native_handle(), host.c_str());
    tls_->set_verify_callback(boost::asio::ssl::host_name_verification(host));
  }

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
