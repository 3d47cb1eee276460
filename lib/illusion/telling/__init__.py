"""What a chapter shows and checks: charts, exercises, quizzes."""
