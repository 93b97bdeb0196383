#include "broker/batch.h"

#include <charconv>
#include <string>

namespace afluente::broker {
namespace {

constexpr int kSequenceDigits = 14;

}  // namespace

std::string MessageId(uint64_t incarnation, uint64_t sequence) {
  char text[40];
  char* end = std::to_chars(text, text + 20, incarnation).ptr;
  for (int i = kSequenceDigits - 1; i >= 0; --i) {
    end[i] = static_cast<char>('0' + sequence % 10);
    sequence /= 10;
  }
  return std::string(text, static_cast<size_t>(end - text) + kSequenceDigits);
}

void Batch::Number(uint64_t incarnation, uint64_t first) {
  first_sequence = first;
  for (event::Message& message : messages) {
    message.message_id = MessageId(incarnation, first);
    message.sequence = first++;
  }
}

uint64_t SizeOf(const event::Message& message) {
  uint64_t size = message.data.size() + message.ordering_key.size();
  for (const auto& [key, value] : message.attributes) size += key.size() + value.size();
  return size;
}

}  // namespace afluente::broker
