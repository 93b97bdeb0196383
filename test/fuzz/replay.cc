// Plays the files of a directory in a fuzz target, as they are and changed at random, where there
// is no libFuzzer. AFLUENTE_SEED replays a run, AFLUENTE_FUZZ_SECONDS makes it longer (`make
// soak`). A crash leaves its input in crash-input.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz/accepted.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size);
// The sanitizers', where they are built in.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

constexpr size_t kInputBytesMax = 64 << 10;
constexpr char kTelling[] = "{}[]()<>\"'\\,:;.*/-=\0\x7f\xff";

std::string current;

void SaveInput() {
  if (std::FILE* file = std::fopen("crash-input", "wb"); file != nullptr) {
    (void)std::fwrite(current.data(), 1, current.size(), file);
    std::fclose(file);
  }
}

void OnSignal(int number) {
  SaveInput();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

uint64_t Variable(const char* name, uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

bool Play(std::string input) {
  current = std::move(input);
  afluente::fuzz::accepted = false;
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(current.data()), current.size());
  return afluente::fuzz::accepted;
}

void Change(std::string& input, const std::vector<std::string>& seeds, std::mt19937_64& random) {
  const size_t at = input.empty() ? 0 : random() % input.size();
  const std::string& other = seeds[random() % seeds.size()];
  switch (random() % 6) {
    case 0:
      if (!input.empty()) input[at] = static_cast<char>(random());
      break;
    case 1:
      if (!input.empty()) input[at] = kTelling[random() % (sizeof(kTelling) - 1)];
      break;
    case 2:
      input.erase(at, 1 + random() % 8);
      break;
    case 3:
      input.insert(at, other.substr(random() % (other.size() + 1), random() % 40));
      break;
    case 4:
      input.resize(at);
      break;
    default:
      input.replace(at, random() % 40, other, random() % (other.size() + 1), random() % 40);
  }
  if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::filesystem::path> paths;
  if (count == 2) {
    for (const auto& each : std::filesystem::directory_iterator(arguments[1]))
      paths.push_back(each.path());
  }
  std::sort(paths.begin(), paths.end());
  const uint64_t seed = Variable("AFLUENTE_SEED", std::random_device()());
  std::printf("AFLUENTE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(&SaveInput);
  for (int number : {SIGABRT, SIGSEGV}) std::signal(number, &OnSignal);
  std::vector<std::string> seeds;
  for (const std::filesystem::path& path : paths) {
    std::ifstream stream(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    if (Play(seeds.back()) == path.filename().string().starts_with("refused")) {
      std::printf("%s is not taken as its name says\n", path.c_str());
      return 1;
    }
  }
  if (seeds.empty()) {
    std::printf("usage: %s DIRECTORY-WITH-SEEDS\n", arguments[0]);
    return 1;
  }
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::seconds(Variable("AFLUENTE_FUZZ_SECONDS", 2));
  std::mt19937_64 random(seed);
  uint64_t rounds = 0;
  uint64_t taken = 0;
  for (; std::chrono::steady_clock::now() < end; ++rounds) {
    std::string input = seeds[random() % seeds.size()];
    for (uint64_t changes = 1 + random() % 5; changes > 0; --changes) Change(input, seeds, random);
    taken += Play(std::move(input)) ? 1 : 0;
  }
  std::printf("%zu seeds, %llu changed ones, %llu of them taken\n", seeds.size(),
              static_cast<unsigned long long>(rounds), static_cast<unsigned long long>(taken));
  return 0;
}
