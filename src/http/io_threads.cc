#include <algorithm>
#include <boost/asio/post.hpp>

#include "absl/synchronization/notification.h"
#include "http/io_context.h"

namespace afluente::http {

IoThreads::IoThreads(int threads) : context_(std::make_unique<Context>()) {
  for (int i = 0; i < std::max(threads, 1); ++i) {
    context_->loops.push_back(std::make_unique<Context::Loop>());
  }
  for (auto& loop : context_->loops) {
    loop->thread = std::thread([io = &loop->io] { io->run(); });
  }
}

IoThreads::~IoThreads() {
  Stop();
  // What was posted late holds sockets and timers, maybe of another loop: it must go while all
  // loops are here.
  bool ran = true;
  while (ran) {
    ran = false;
    for (auto& loop : context_->loops) {
      loop->io.restart();
      ran = loop->io.poll() > 0 || ran;
      loop->io.stop();
    }
  }
}

void IoThreads::Stop() {
  for (auto& loop : context_->loops) loop->io.stop();
  for (auto& loop : context_->loops) {
    if (loop->thread.joinable()) loop->thread.join();
  }
}

void RunOn(boost::asio::io_context& io, const std::function<void()>& work) {
  if (io.stopped() || io.get_executor().running_in_this_thread()) return work();
  absl::Notification done;
  boost::asio::post(io, [&work, &done] {
    work();
    done.Notify();
  });
  done.WaitForNotification();
}

}  // namespace afluente::http
