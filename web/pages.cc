#include "web/pages.h"

// AFLUENTE_PAGES is the path of the archive that pack.mjs wrote.
asm(".section .rodata\n"
    ".balign 8\n"
    "afluente_web_pages_begin:\n"
    ".incbin \"" AFLUENTE_PAGES
    "\"\n"
    "afluente_web_pages_end:\n"
    ".byte 0\n"
    ".previous\n");

extern "C" const char afluente_web_pages_begin[];
extern "C" const char afluente_web_pages_end[];

namespace afluente::web {

std::string_view Pages() {
  return {afluente_web_pages_begin,
          static_cast<size_t>(afluente_web_pages_end - afluente_web_pages_begin)};
}

}  // namespace afluente::web
