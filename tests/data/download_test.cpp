#include "data/download.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "packing.h"
#include "support/expect_error.h"

namespace thimble::data {
namespace {

using test::expect_error;
using test::text_of;

/// A web server on this machine that gives one raw answer to each connection, in order, and keeps the
/// requests.
class Server {
 public:
  explicit Server(std::vector<std::string> answers) : answers_(std::move(answers)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener_, 8) != 0)
      return;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/file"; }
  /// The requests so far; to be asked after the download.
  const std::vector<std::string>& requests() const { return requests_; }

 private:
  void serve() {
    for (const std::string& answer : answers_) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = ::recv(connection, buffer, sizeof(buffer), 0);
        if (got <= 0) break;
        request.append(buffer, static_cast<size_t>(got));
      }
      requests_.push_back(request);
      ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::shutdown(connection, SHUT_WR);
      // Reads until the client closes, so that no reset overtakes the answer.
      while (::recv(connection, buffer, sizeof(buffer), 0) > 0) {
      }
      ::close(connection);
    }
  }

  std::vector<std::string> answers_;
  std::vector<std::string> requests_;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

std::string answer(const std::string& status_and_headers, const std::string& body) {
  return "HTTP/1.1 " + status_and_headers + "\r\nConnection: close\r\n\r\n" + body;
}

DownloadOptions quick(uint64_t limit_bytes) {
  return {.limit_bytes = limit_bytes, .timeout_s = 20, .stall_timeout_s = 2, .tries = 4};
}

TEST(Download, gives_the_body) {
  const Server server({answer("200 OK\r\nContent-Length: 10", "0123456789")});
  EXPECT_EQ(text_of(download(server.url(), quick(10))), "0123456789");
}

TEST(Download, goes_on_where_a_broken_connection_stopped) {
  const Server server(
      {answer("200 OK\r\nContent-Length: 10", "0123"),
       answer("206 Partial Content\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6", "456789")});
  EXPECT_EQ(text_of(download(server.url(), quick(10))), "0123456789");
  ASSERT_EQ(server.requests().size(), 2u);
  EXPECT_NE(server.requests()[1].find("Range: bytes=4-\r\n"), std::string::npos) << server.requests()[1];
}

TEST(Download, starts_again_when_the_server_sends_no_ranges) {
  const Server server({answer("200 OK\r\nContent-Length: 10", "0123"),
                       answer("200 OK\r\nContent-Length: 10", "0123456789"),
                       answer("200 OK\r\nContent-Length: 10", "0123456789")});
  EXPECT_EQ(text_of(download(server.url(), quick(10))), "0123456789");
}

TEST(Download, gives_up_after_so_many_breaks) {
  const std::string broken = answer("200 OK\r\nContent-Length: 10", "");
  const Server server({broken, broken, broken, broken, broken});
  expect_error([&] { download(server.url(), quick(10)); }, server.url() + ": cannot be fetched");
  EXPECT_EQ(server.requests().size(), 4u);
}

TEST(Download, names_a_refusal_and_does_not_try_again) {
  const Server server({answer("404 Not Found\r\nContent-Length: 0", "")});
  expect_error([&] { download(server.url(), quick(10)); }, "cannot be fetched (the server answers 404)");
}

TEST(Download, refuses_more_than_the_limit) {
  const Server server({answer("200 OK\r\nContent-Length: 11", "0123456789a")});
  expect_error([&] { download(server.url(), quick(10)); }, "sends more than the expected 10 bytes");
}

TEST(Download, follows_a_redirect_but_not_to_a_file_of_this_machine) {
  const Server target({answer("200 OK\r\nContent-Length: 2", "ok")});
  const Server server({answer("302 Found\r\nContent-Length: 0\r\nLocation: " + target.url(), "")});
  EXPECT_EQ(text_of(download(server.url(), quick(10))), "ok");
  const Server trap({answer("302 Found\r\nContent-Length: 0\r\nLocation: file:///etc/hostname", "")});
  expect_error([&] { download(trap.url(), quick(1000)); }, "cannot be fetched");
}

TEST(Download, ends_when_its_time_is_up) {
  const Server server({});  // takes the connection and never answers
  expect_error([&] { download(server.url(), {.limit_bytes = 10, .timeout_s = 0.5}); }, "cannot be fetched");
}

TEST(Download, names_a_host_that_does_not_answer) {
  expect_error([] { download("http://127.0.0.1:1/file", quick(10)); },
               "http://127.0.0.1:1/file: cannot be fetched");
}

}  // namespace
}  // namespace thimble::data
