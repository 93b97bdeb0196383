// CREATE FUNCTION, TABLE FUNCTION and PROCEDURE.
#include "warehouse/googlesql/parser.h"
#include "warehouse/googlesql/script_compiler.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {

void Parser::ParseRoutine(ParsedStatement* statement, RoutineKind kind) {
  statement->kind = StatementKind::kCreateRoutine;
  statement->if_not_exists = TakeIfNotExists();
  statement->target = ParsePath();
  statement->routine = std::make_unique<RoutineDefinition>();
  statement->routine->kind = kind;
  statement->routine->arguments = ParseArgumentDefinitions(kind == RoutineKind::kProcedure);
  if (kind == RoutineKind::kProcedure) {
    ParseProcedureBody(statement);
  } else {
    ParseFunctionBody(statement);
  }
  statement->text = TextSince(statement->at);
}

std::vector<ArgumentDefinition> Parser::ParseArgumentDefinitions(bool modes) {
  std::vector<ArgumentDefinition> arguments;
  ExpectSymbol("(");
  if (TakeSymbol(")")) return arguments;
  do {
    ArgumentDefinition argument;
    argument.at = Peek().at;
    for (std::string_view mode : {"INOUT", "IN", "OUT"}) {
      // `OUT` may be an argument's name too.
      if (!modes || !IsWord(mode) || !IsName(1)) continue;
      argument.mode = mode;
      Take();
      break;
    }
    argument.name = ExpectName();
    if (TakeWords("ANY", "TYPE")) {
      argument.any_type = true;
    } else if (IsWord("TABLE")) {
      FailUnsupported(Peek().at, "An argument that is a table");
    } else {
      argument.type = ParseType();
    }
    for (const ArgumentDefinition& other : arguments) {
      if (SameName(other.name, argument.name)) {
        Fail(argument.at, Cat("Duplicate argument name ", argument.name));
      }
    }
    arguments.push_back(std::move(argument));
  } while (TakeSymbol(","));
  ExpectSymbol(")");
  return arguments;
}

void Parser::ParseFunctionBody(ParsedStatement* statement) {
  RoutineDefinition& routine = *statement->routine;
  if (TakeWord("RETURNS")) {
    if (IsWord("TABLE")) FailUnsupported(Peek().at, "RETURNS TABLE");
    routine.result = ParseType();
  }
  if (TakeWord("DETERMINISTIC") || TakeWords("NOT", "DETERMINISTIC")) {
  }
  if (TakeWord("LANGUAGE")) {
    const Token language = Take();
    routine.language = language.upper == "JS" ? "JAVASCRIPT" : language.upper;
    if (language.upper != "JS" && language.upper != "SQL") {
      FailUnsupported(language.at, Cat("LANGUAGE ", language.text));
    }
  }
  if (IsWord("REMOTE")) FailUnsupported(Peek().at, "A remote function");
  auto options = [&] {
    for (const OptionValue& option :
         IsWord("OPTIONS") ? ParseOptions() : std::vector<OptionValue>()) {
      if (option.name == "description") continue;
      FailUnsupported(option.at, Cat("Option ", option.name));
    }
  };
  options();
  ExpectWord("AS");
  if (routine.language == "JAVASCRIPT") {
    if (!routine.result) Fail(statement->at, "Non-SQL functions must specify a return type");
    routine.code = ExpectText();
  } else if (routine.kind == RoutineKind::kTableFunction) {
    const bool parenthesised = IsSymbol("(");
    const size_t at = Peek().at;
    routine.query = ParseQuery();
    routine.code = TextSince(at);
    if (parenthesised) routine.code = routine.code.substr(1, routine.code.size() - 2);
  } else {
    ExpectSymbol("(");
    const size_t at = Peek().at;
    routine.body = ParseExpression();
    routine.code = TextSince(at);
    ExpectSymbol(")");
  }
  options();
}

// The body is a script: parsed here to find its end and its errors, compiled again when called.
void Parser::ParseProcedureBody(ParsedStatement* statement) {
  if (IsWord("OPTIONS") && !ParseOptions().empty()) {
    FailUnsupported(statement->at, "OPTIONS of a procedure");
  }
  const size_t at = Peek().at;
  ScriptCompiler body(*this);
  body.CompileBlock();
  at_ = body.at();
  statement->routine->code = TextSince(at);
}

}  // namespace afluente::warehouse::googlesql
