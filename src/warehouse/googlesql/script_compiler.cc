#include "warehouse/googlesql/script_compiler.h"

#include <utility>

#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {

using Op = Instruction::Op;

std::vector<Instruction> ScriptCompiler::CompileAll() {
  CompileList({});
  if (Peek().kind != TokenKind::kEnd) Unexpected();
  return std::move(instructions_);
}

Instruction& ScriptCompiler::Emit(Op op, size_t at) {
  CheckBound(instructions_.size() + 1, kInstructionsMax, "steps in a script", at);
  instructions_.emplace_back();
  Instruction& made = instructions_.back();
  made.op = op;
  made.at = at;
  made.end = at_ > 0 ? std::max(at, tokens_[at_ - 1].end) : at;
  made.depth = depth_;
  return made;
}

size_t ScriptCompiler::EmitJump(size_t target) {
  Emit(Op::kJump, Peek().at).target = target;
  return Here() - 1;
}

size_t ScriptCompiler::EmitJumpUnless(ExpressionPtr condition) {
  const size_t at = condition->at;
  Emit(Op::kJumpUnless, at).expressions.push_back(std::move(condition));
  return Here() - 1;
}

bool ScriptCompiler::AtEnd(std::initializer_list<std::string_view> ends) const {
  if (Peek().kind == TokenKind::kEnd) return true;
  for (std::string_view end : ends) {
    if (IsWord(end)) return true;
  }
  return false;
}

void ScriptCompiler::CompileList(std::initializer_list<std::string_view> ends) {
  while (!AtEnd(ends)) {
    if (TakeSymbol(";")) continue;
    CompileOne();
    if (!AtEnd({}) || ends.size() > 0) EndStatement();
  }
}

void ScriptCompiler::EndStatement() {
  if (!TakeSymbol(";")) Expected("\";\"");
}

void ScriptCompiler::CompileOne() {
  Nesting nesting(this);
  std::string label;
  if (IsName() && IsSymbol(":", 1)) {
    label = Take().text;
    Take();
  }
  if (IsWord("DECLARE")) {
    if (!may_declare_) {
      Fail(Peek().at, "Variable declarations are allowed only at the start of a block or script");
    }
    return CompileDeclare();
  }
  may_declare_ = false;
  if (CompileControl(label)) return;
  if (!label.empty()) Fail(Peek().at, "A label stands before BEGIN, LOOP, WHILE, REPEAT or FOR");
  const size_t at = Peek().at;
  ParsedStatement statement = ParseStatementBody();
  Emit(Op::kStatement, at).statement = std::move(statement);
}

// What is not a statement of SQL itself.
bool ScriptCompiler::CompileControl(const std::string& label) {
  if (IsWord("IF") && !IsSymbol(".", 1)) {
    CompileIf();
  } else if (IsWord("CASE")) {
    CompileCase();
  } else if (IsWord("LOOP")) {
    CompileLoop(label);
  } else if (IsWord("WHILE")) {
    CompileWhile(label);
  } else if (IsWord("REPEAT")) {
    CompileRepeat(label);
  } else if (IsWord("FOR")) {
    CompileFor(label);
  } else if (CompileTransaction()) {
    return true;
  } else if (IsWord("BEGIN")) {
    CompileLabelledBlock(label);
  } else if (IsWord("SET")) {
    CompileSet();
  } else if (IsWord("EXECUTE")) {
    CompileExecute();
  } else if (IsWord("CALL")) {
    CompileCall();
  } else if (IsWord("RAISE")) {
    CompileRaise();
  } else if (IsWord("ASSERT")) {
    CompileAssert();
  } else if (IsWord("RETURN")) {
    Emit(Op::kReturn, Take().at);
  } else if (IsWord("BREAK") || IsWord("LEAVE") || IsWord("CONTINUE") || IsWord("ITERATE")) {
    CompileJumpOut();
  } else {
    return false;
  }
  return true;
}

void ScriptCompiler::CompileDeclare() {
  const size_t at = Take().at;
  std::vector<std::string> names;
  do {
    names.push_back(ExpectName());
  } while (TakeSymbol(","));
  std::optional<SqlType> type;
  if (!IsWord("DEFAULT")) type = ParseType();
  ExpressionPtr value;
  if (TakeWord("DEFAULT")) value = ParseExpression();
  Instruction& declare = Emit(Op::kDeclare, at);
  declare.names = std::move(names);
  declare.type = std::move(type);
  if (value != nullptr) declare.expressions.push_back(std::move(value));
}

void ScriptCompiler::CompileSet() {
  const size_t at = Take().at;
  std::vector<std::string> names;
  if (IsSymbol("(")) {
    names = ParseNames();
  } else if (Peek().kind == TokenKind::kSystemVariable) {
    FailUnsupported(Peek().at, Cat("SET of @@", Peek().text));
  } else {
    names.push_back(ExpectName());
  }
  ExpectSymbol("=");
  ExpressionPtr value = ParseExpression();
  Instruction& set = Emit(Op::kAssign, at);
  set.names = std::move(names);
  const bool parts = set.names.size() > 1 && value->kind == ExpressionKind::kStruct &&
                     value->args.size() == set.names.size();
  if (parts) {
    set.expressions = std::move(value->args);
  } else {
    set.expressions.push_back(std::move(value));
  }
}

void ScriptCompiler::CompileIf() {
  Take();
  std::vector<size_t> ends;
  size_t skip = EmitJumpUnless(ParseExpression());
  ExpectWord("THEN");
  CompileList({"ELSEIF", "ELSE", "END"});
  while (TakeWord("ELSEIF")) {
    ends.push_back(EmitJump());
    Patch(skip);
    skip = EmitJumpUnless(ParseExpression());
    ExpectWord("THEN");
    CompileList({"ELSEIF", "ELSE", "END"});
  }
  ends.push_back(EmitJump());
  Patch(skip);
  if (TakeWord("ELSE")) CompileList({"END"});
  ExpectWord("END");
  ExpectWord("IF");
  for (size_t end : ends) Patch(end);
}

// CASE [value] WHEN ... THEN statements END CASE. Each WHEN compares the value anew.
void ScriptCompiler::CompileCase() {
  Take();
  std::vector<size_t> ends;
  const size_t value_from = at_;
  const bool simple = !IsWord("WHEN");
  if (simple) ParseExpression();
  if (!IsWord("WHEN")) Expected("keyword WHEN");
  while (TakeWord("WHEN")) {
    const size_t at = Peek().at;
    ExpressionPtr condition = ParseExpression();
    if (simple) {
      const size_t after = std::exchange(at_, value_from);
      ExpressionPtr equal = Make(ExpressionKind::kCompare, at, "=");
      Add(equal.get(), ParseExpression());
      at_ = after;
      equal->args.push_back(std::move(condition));
      condition = std::move(equal);
    }
    const size_t skip = EmitJumpUnless(std::move(condition));
    ExpectWord("THEN");
    CompileList({"WHEN", "ELSE", "END"});
    ends.push_back(EmitJump());
    Patch(skip);
  }
  if (TakeWord("ELSE")) CompileList({"END"});
  ExpectWord("END");
  ExpectWord("CASE");
  for (size_t end : ends) Patch(end);
}

ScriptCompiler::Loop& ScriptCompiler::StartLoop(const std::string& label) {
  Loop loop;
  loop.label = label;
  loop.depth = depth_;
  loops_.push_back(std::move(loop));
  return loops_.back();
}

// Closes the innermost loop, whose next round begins at `next`.
void ScriptCompiler::FinishLoop(std::string_view word, size_t next) {
  Loop loop = std::move(loops_.back());
  loops_.pop_back();
  for (size_t jump : loop.continues) instructions_[jump].target = next;
  for (size_t jump : loop.breaks) Patch(jump);
  if (word.empty()) return;
  ExpectWord("END");
  ExpectWord(word);
  if (IsName() && !loop.label.empty() && SameName(Peek().text, loop.label)) Take();
}

void ScriptCompiler::CompileLoop(const std::string& label) {
  Take();
  const size_t start = Here();
  StartLoop(label);
  CompileList({"END"});
  EmitJump(start);
  FinishLoop("LOOP", start);
}

void ScriptCompiler::CompileWhile(const std::string& label) {
  Take();
  const size_t start = Here();
  const size_t out = EmitJumpUnless(ParseExpression());
  ExpectWord("DO");
  StartLoop(label);
  CompileList({"END"});
  EmitJump(start);
  Patch(out);
  FinishLoop("WHILE", start);
}

void ScriptCompiler::CompileRepeat(const std::string& label) {
  Take();
  const size_t start = Here();
  StartLoop(label);
  CompileList({"UNTIL"});
  const size_t test = Here();
  ExpectWord("UNTIL");
  const size_t again = EmitJumpUnless(ParseExpression());
  instructions_[again].target = start;
  FinishLoop("REPEAT", test);
}

void ScriptCompiler::CompileFor(const std::string& label) {
  const size_t at = Take().at;
  std::string name = ExpectName();
  ExpectWord("IN");
  ExpectSymbol("(");
  ParsedStatement query;
  query.at = Peek().at;
  query.query = ParseQuery();
  ExpectSymbol(")");
  ExpectWord("DO");
  Instruction& begin = Emit(Op::kBeginFor, at);
  begin.statement = std::move(query);
  begin.names.push_back(std::move(name));
  ++depth_;
  const size_t start = Here();
  Emit(Op::kNextFor, at);
  StartLoop(label);
  CompileList({"END"});
  EmitJump(start);
  Patch(start);
  FinishLoop("FOR", start);
  --depth_;
  Emit(Op::kLeaveBlock, at);
}

void ScriptCompiler::CompileLabelledBlock(const std::string& label) {
  if (label.empty()) return CompileBlock();
  StartLoop(label).block = true;
  CompileBlock();
  const bool named = IsName() && SameName(Peek().text, label);
  if (named) Take();
  FinishLoop("", 0);
}

void ScriptCompiler::CompileBlock() {
  const size_t at = Peek().at;
  ExpectWord("BEGIN");
  const size_t enter = Here();
  Emit(Op::kEnterBlock, at);
  ++depth_;
  may_declare_ = true;
  CompileList({"END", "EXCEPTION"});
  --depth_;
  Emit(Op::kLeaveBlock, at);
  if (TakeWord("EXCEPTION")) {
    ExpectWord("WHEN");
    ExpectWord("ERROR");
    ExpectWord("THEN");
    const size_t over = EmitJump();
    instructions_[enter].target = Here();
    Emit(Op::kEnterBlock, at);
    ++depth_;
    CompileList({"END"});
    --depth_;
    Emit(Op::kLeaveBlock, at);
    Patch(over);
  }
  ExpectWord("END");
  may_declare_ = false;
}

bool ScriptCompiler::CompileTransaction() {
  const size_t at = Peek().at;
  if (IsWord("BEGIN") &&
      (IsWord("TRANSACTION", 1) || IsSymbol(";", 1) || Peek(1).kind == TokenKind::kEnd)) {
    Take();
    TakeWord("TRANSACTION");
    Emit(Op::kBeginTransaction, at);
    return true;
  }
  for (const auto& [word, op] :
       {std::pair<std::string_view, Op>("COMMIT", Op::kCommit), {"ROLLBACK", Op::kRollback}}) {
    if (!TakeWord(word)) continue;
    TakeWord("TRANSACTION");
    Emit(op, at);
    return true;
  }
  return false;
}

void ScriptCompiler::CompileExecute() {
  const size_t at = Take().at;
  ExpectWord("IMMEDIATE");
  std::vector<ExpressionPtr> expressions;
  expressions.push_back(ParseExpression());
  std::vector<std::string> names;
  std::vector<std::string> using_names;
  if (TakeWord("INTO")) {
    do {
      names.push_back(ExpectName());
    } while (TakeSymbol(","));
  }
  if (TakeWord("USING")) {
    do {
      expressions.push_back(ParseExpression());
      using_names.push_back(TakeWord("AS") ? ExpectName() : "");
    } while (TakeSymbol(","));
  }
  Instruction& execute = Emit(Op::kExecuteImmediate, at);
  execute.expressions = std::move(expressions);
  execute.names = std::move(names);
  execute.using_names = std::move(using_names);
}

void ScriptCompiler::CompileCall() {
  const size_t at = Take().at;
  NamePath path = ParsePath();
  std::vector<ExpressionPtr> arguments;
  ExpectSymbol("(");
  if (!TakeSymbol(")")) {
    arguments = ParseExpressionList();
    ExpectSymbol(")");
  }
  Instruction& call = Emit(Op::kCall, at);
  call.path = std::move(path);
  call.expressions = std::move(arguments);
}

void ScriptCompiler::CompileJumpOut() {
  const Token word = Take();
  const bool out = word.upper == "BREAK" || word.upper == "LEAVE";
  const std::string label = IsName() ? Take().text : "";
  for (auto loop = loops_.rbegin(); loop != loops_.rend(); ++loop) {
    if (!label.empty() && !SameName(loop->label, label)) continue;
    if (loop->block && (label.empty() || !out)) continue;
    Emit(Op::kJump, word.at).depth = loop->depth;
    (out ? loop->breaks : loop->continues).push_back(Here() - 1);
    return;
  }
  Fail(word.at, label.empty() ? Cat(word.upper, " is only allowed inside of a loop body")
                              : Cat("Unknown label ", label));
}

void ScriptCompiler::CompileRaise() {
  const size_t at = Take().at;
  ExpressionPtr message;
  if (TakeWord("USING")) {
    ExpectWord("MESSAGE");
    ExpectSymbol("=");
    message = ParseExpression();
  }
  Instruction& raise = Emit(Op::kRaise, at);
  if (message != nullptr) raise.expressions.push_back(std::move(message));
}

void ScriptCompiler::CompileAssert() {
  const size_t at = Take().at;
  ExpressionPtr condition = ParseExpression();
  std::string text;
  if (TakeWord("AS")) text = ExpectText();
  Instruction& check = Emit(Op::kAssert, at);
  check.expressions.push_back(std::move(condition));
  check.text = std::move(text);
}

}  // namespace afluente::warehouse::googlesql
