#include "warehouse/googlesql/translate.h"

#include <utility>

#include "host/check.h"
#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/limits.h"
#include "warehouse/googlesql/parser.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

absl::Status CheckSize(std::string_view statement) {
  if (statement.size() <= kStatementBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "The query is too large. The maximum standard SQL query length is 1024.00K characters, "
      "including comments and white space characters.");
}

}  // namespace

std::string PlaceOf(std::string_view statement, size_t at) {
  size_t line = 1;
  size_t column = 1;
  for (size_t i = 0; i < at && i < statement.size(); ++i) {
    if (statement[i] == '\n') {
      ++line;
      column = 1;
    } else if ((static_cast<unsigned char>(statement[i]) & 0xC0) != 0x80) {
      ++column;
    }
  }
  return Cat("[", line, ":", column, "]");
}

absl::Status ToStatus(const SqlError& error, std::string_view statement) {
  return absl::Status(error.code, Cat(error.message, " at ", PlaceOf(statement, error.at)));
}

absl::StatusOr<Translation> Translate(std::string_view statement, const CatalogView& catalog,
                                      const TranslateOptions& options) {
  AFLUENTE_RETURN_IF_ERROR(CheckSize(statement));
  try {
    const ParsedStatement parsed = Parser(statement).ParseStatement();
    Translation translation;
    Emitter(catalog, options, &translation).EmitStatement(parsed);
    return translation;
  } catch (const SqlError& error) {
    return ToStatus(error, statement);
  }
}

absl::StatusOr<TransformTranslation> TranslateTransform(std::string_view statement,
                                                        std::string_view source) {
  AFLUENTE_RETURN_IF_ERROR(CheckSize(statement));
  try {
    return EmitTransform(Parser(statement).ParseStatement(), source);
  } catch (const SqlError& error) {
    return ToStatus(error, statement);
  }
}

}  // namespace afluente::warehouse::googlesql
