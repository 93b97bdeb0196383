#pragma once

// Of this folder and source/mqtt: the only header that names Asio besides connection.h.
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "http/server.h"

namespace afluente::http {

// One event loop a thread: what belongs to a connection runs on its loop's thread alone, so a
// connection needs no lock.
struct IoThreads::Context {
  struct Loop {
    boost::asio::io_context io{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        io.get_executor()};
    std::thread thread;
  };

  // Loops in turn.
  size_t NextLoop() { return next.fetch_add(1, std::memory_order_relaxed) % loops.size(); }

  std::vector<std::unique_ptr<Loop>> loops;
  std::atomic<size_t> next{0};
};

// Runs `work` on the loop's thread and returns when it is done; at once when this is that thread or
// the loop has stopped.
void RunOn(boost::asio::io_context& io, const std::function<void()>& work);

}  // namespace afluente::http
